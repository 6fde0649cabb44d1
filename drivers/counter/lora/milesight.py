"""Milesight's payloads: VS350 (infrared passage), VS133 (time of flight), VS121 (camera).

        channel 1 | type 1 | data …   channel 1 | type 1 | data …          numbers little-endian

        04 CC 1200 1600   05 CC 1300 1400          VS350: total in 18, out 22; since the last report 19, 20

One channel and type mean different things in two models, so a payload is read as the model that knows all of
it.
Source: github.com/Milesight-IoT/SensorDecoders, vs-series.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

# Its name and how it is packed; bytes become hex.
Part = tuple[str, str]
Item = Sequence[Part]
HISTORY = (0x20, 0xCE)


class Model(NamedTuple):
    """What a model's channels hold, and the kinds of its history."""

    name: str
    items: Mapping[tuple[int, int], Item]
    history: Mapping[int, Item]


_ABOUT: dict[tuple[int, int], Item] = {
    (0xFF, 0x01): [("protocol_version", "B")],
    (0xFF, 0x08): [("sn", "6s")],
    (0xFF, 0x09): [("hardware_version", "2s")],
    (0xFF, 0x0A): [("firmware_version", "2s")],
    (0xFF, 0x0B): [("device_status", "B")],
    (0xFF, 0x0F): [("lorawan_class", "B")],
    (0xFF, 0x16): [("sn", "8s")],
    (0xFF, 0x1F): [("firmware_version", "4s")],
    (0xFF, 0xFE): [("reset_event", "B")],
    (0xFF, 0xFF): [("tsl_version", "2s")],
}
_TOTALS: Item = [("total_in", "H"), ("total_out", "H")]
_PERIOD: Item = [("period_in", "H"), ("period_out", "H")]

VS350 = Model(
    "vs350",
    {
        **_ABOUT,
        (0x01, 0x75): [("battery", "B")],
        (0x03, 0x67): [("temperature_tenths", "h")],
        (0x04, 0xCC): _TOTALS,
        (0x05, 0xCC): _PERIOD,
        (0x0A, 0xEF): [("timestamp", "I")],
        (0x81, 0xEE): [("current_sensitivity", "B")],
        (0x83, 0x67): [("temperature_tenths", "h"), ("temperature_alarm", "B")],
        (0x84, 0xCC): [*_TOTALS, ("total_count_alarm", "B")],
        (0x85, 0xCC): [*_PERIOD, ("period_count_alarm", "B")],
    },
    {0: _PERIOD, 1: [*_PERIOD, *_TOTALS]},
)


def _lines() -> tuple[dict[tuple[int, int], Item], dict[int, Item]]:
    """The four lines of a VS133: total in, total out and period, in a row of three channels each."""
    items: dict[tuple[int, int], Item] = {}
    history: dict[int, Item] = {}
    for first, child in ((0x03, ""), (0x11, "child_")):
        for line in range(4):
            name, at = f"line_{line + 1}_{child}", first + 3 * line
            rows: list[Item] = [
                [(f"{name}total_in", "I")],
                [(f"{name}total_out", "I")],
                [(f"{name}period_in", "H"), (f"{name}period_out", "H")],
            ]
            for place, row in enumerate(rows):
                items[at + place, 0xCC if place == 2 else 0xD2] = row
                if not child:
                    history[at + place] = row
    return items, history


def _regions(first: int, last: int, ending: str = "_count") -> Item:
    return [(f"region_{n}{ending}", "B") for n in range(first, last + 1)]


_LINES, _LINES_HISTORY = _lines()
VS133 = Model(
    "vs133",
    {
        **_ABOUT,
        **_LINES,
        (0x0F, 0xE3): _regions(1, 4),
        (0x1D, 0xE3): _regions(1, 4, "_child_count"),
        (0x10, 0xE4): [("region", "B"), ("avg_dwell", "H"), ("max_dwell", "H")],
        (0x1E, 0xE4): [("region", "B"), ("child_avg_dwell", "H"), ("child_max_dwell", "H")],
        (0x50, 0xFC): [("alarm", "B"), ("node", "B"), ("occlusion_alarm", "B")],
    },
    {**_LINES_HISTORY, 0x0F: _regions(1, 4), 0x10: [("region", "B"), ("avg_dwell", "H")]},
)


def _flows() -> dict[tuple[int, int], Item]:
    return {
        (0x09 + n, 0xDA): [(f"{origin}_to_{target}", "H") for target in "abcd"]
        for n, origin in enumerate("abcd")
    }


VS121 = Model(
    "vs121",
    {
        **_ABOUT,
        **_flows(),
        (0x04, 0xC9): [("people_count_all", "B"), ("region_count", "B"), ("regions", ">H")],
        (0x05, 0xCC): [("people_in", "h"), ("people_out", "h")],
        (0x06, 0xCD): [("people_count_max", "B")],
        (0x07, 0xD5): _regions(1, 8),
        (0x08, 0xD5): _regions(9, 16),
        (0x0D, 0xCC): [("people_total_in", "H"), ("people_total_out", "H")],
        (0x0E, 0xE4): [("region", "B"), ("dwell_time_avg", "H"), ("dwell_time_max", "H")],
        (0x0F, 0x85): [("timestamp", "I")],
        (0x10, 0xF7): [("line_in", "H"), ("line_out", "H")],
    },
    {
        1: [("people_count_all", "B"), ("region_count", "B"), ("regions", ">H")],
        2: [("people_in", "H"), ("people_out", "H")],
        3: [("people_count_max", "B")],
        **{4 + n: _regions(4 * n + 1, 4 * n + 4) for n in range(4)},
    },
)

MODELS = {model.name: model for model in (VS350, VS133, VS121)}


def read_payload(payload: bytes, model: str = "") -> tuple[dict[str, Any], int]:
    """The fields, and how many bytes are understood, by the model that understands most or by `model`."""
    models = [MODELS[model]] if model else list(MODELS.values())
    return max((_read(payload, each) for each in models), key=lambda read: read[1])


def _read(payload: bytes, model: Model) -> tuple[dict[str, Any], int]:
    fields: dict[str, Any] = {}
    at = 0
    while at + 2 <= len(payload):
        channel = (payload[at], payload[at + 1])
        if channel == HISTORY and at + 7 <= len(payload):
            timestamp, kind = struct.unpack_from("<IB", payload, at + 2)
            item, begin = model.history.get(kind), at + 7
        else:
            item, begin = model.items.get(channel), at + 2
        said = _unpack(payload, begin, item) if item else None
        if said is None:
            break
        values, at = said
        if channel == HISTORY:
            fields.setdefault("history", []).append({"timestamp": timestamp, **values})
        else:
            fields |= _named(values)
    return ({"model": model.name, **fields} if at else {}), at


def _unpack(payload: bytes, at: int, item: Item) -> tuple[dict[str, Any], int] | None:
    values: dict[str, Any] = {}
    for name, form in item:
        form = form if form[0] in "<>" else f"<{form}"
        end = at + struct.calcsize(form)
        if end > len(payload):
            return None
        (value,) = struct.unpack_from(form, payload, at)
        values[name] = value.hex() if isinstance(value, bytes) else value
        at = end
    return values, at


def _named(values: dict[str, Any]) -> dict[str, Any]:
    """The few that are not told as they are packed."""
    if "temperature_tenths" in values:
        values["temperature"] = values.pop("temperature_tenths") / 10
    if "regions" in values:
        bits = values.pop("regions")
        values |= {f"region_{n + 1}": bits >> n & 1 for n in range(min(values["region_count"], 16))}
    if "node" in values:
        node = values.pop("node")
        return {f"{f'node_{node}' if node else 'master'}_occlusion_alarm": values["occlusion_alarm"]}
    if "region" in values:
        region = values.pop("region")
        return {f"region_{region}_{name}": value for name, value in values.items()}
    return values

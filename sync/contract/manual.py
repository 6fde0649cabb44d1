"""`docs/events.md`, written from the classes: what an analyst or another program meets on the wire."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Iterable

import msgspec

from sync.contract import events, message, told
from sync.contract.events import LANES, SaleLine, Tender
from sync.contract.ids import Lane
from sync.contract.questions import PurseShown, Visit

_INTRO = """# Events and words

Written from `sync/contract` by `tools/manuals.py`; change the classes, not this page.

A store sends batches `[epoch, lane, first, [[wall_ms, sure, boot, mono_ms, event], …]]` on
`tb/1/<store>/up/<lane>`: JSON, closed with zlib, at most {payload} KiB, MQTT 3.1.1 at QoS 1. `lane` is a
number: {lanes}. Events count 1, 2, 3 … in each (store, epoch, lane) without
gaps. Amounts are minor units of the currency, quantities thousandths, times milliseconds since 1970 in UTC.
Fields that have their default value are left out.

An event is an object whose `type` is the name at the head of its section:
`{{"type":"passed/1","device":"door","inward":1}}`. In the envelope `wall_ms` and `mono_ms` are whole numbers,
`sure` is true or false, and `boot` is a text that names one run of the box (8 hex digits). The first number
of a new epoch is 1; a batch may repeat what was sent, but never leave a gap.
"""


def events_manual() -> str:
    """The whole page, Markdown."""
    kinds = typing.get_args(events.Event)
    parts = [
        _INTRO.format(
            payload=message.PAYLOAD_MAX_BYTES // 1024,
            lanes=", ".join(f"{int(lane)} {lane.label}" for lane in Lane),
        ),
        "\n## Events\n",
        *(_section(kind, f"lane `{LANES[kind].label}`" if kind in LANES else "any lane") for kind in kinds),
        "\n## Parts of events and words\n",
        *(_section(kind, "") for kind in (SaleLine, Tender, Visit, PurseShown)),
        "\n## Words\n\nThe newest word of a key replaces the older; a store may skip what it already has.\n",
        *(_section(kind, "") for kind in typing.get_args(told.Told)),
        "\n## Messages\n",
        *(_section(kind, "") for kind in (*typing.get_args(message.Up), *typing.get_args(message.Down))),
    ]
    return "".join(parts)


def _section(kind: type[msgspec.Struct], where: str) -> str:
    tag = kind.__struct_config__.tag
    title = f"`{tag}`" if isinstance(tag, str) else kind.__name__
    head = f"\n### {title}{' · ' + where if where else ''}\n\n{inspect.cleandoc(kind.__doc__ or '')}\n\n"
    rows = "".join(_rows(kind))
    return head + (f"| field | type | left out when |\n|---|---|---|\n{rows}" if rows else "")


def _rows(kind: type[msgspec.Struct]) -> Iterable[str]:
    omits = kind.__struct_config__.omit_defaults
    for each in msgspec.structs.fields(kind):
        default = (
            "" if each.required or not omits or each.default is msgspec.NODEFAULT else _shown(each.default)
        )
        yield f"| `{each.encode_name}` | {_type(each.type)} | {default} |\n"


def _shown(value: object) -> str:
    return f"`{value!r}`" if value != "" else "empty"


def _type(annotation: object) -> str:
    text = (
        annotation.__name__
        if isinstance(annotation, type) and not typing.get_args(annotation)
        else str(annotation)
    )
    text = re.sub(r"typing\.|sync\.contract\.\w+\.|msgspec\.", "", text)
    text = re.sub(r"Annotated\[(\w+), Meta\((.*?)\)\]", r"\1 (\2)", text)
    return text.replace("|", "or")

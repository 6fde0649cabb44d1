"""Uplinks from network servers and gateways: each counts once, totals and periods never mixed."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.base import Heard, Note
from drivers.counter.lora import DRIVER
from drivers.counter.lora.encoder import (
    chirpstack,
    encode_history,
    encode_imbuildings,
    encode_period,
    encode_vs133,
    encode_vs350,
    things_stack,
)
from drivers.counter.lora.milesight import read_payload
from drivers.counter.lora.protocol import DEVICES_MAX
from drivers.decode import decode_stream, options_of
from drivers.http_frames import write_request
from drivers.ports import open_port
from drivers.pump import pump
from sync.clock import SystemClock
from sync.contract.events import Passed

WITHIN_S = 5
EUI, OTHER = "24e124716d123456", "24e124716d999999"
IMB = bytes.fromhex("a1b2c3d4e5f60718")


def told(*uplinks: bytes, **options: Any) -> list[dict[str, Any]]:
    return list(decode_stream(DRIVER, options, [each + b"\n" for each in uplinks]))


def passed(*uplinks: bytes, **options: Any) -> list[tuple[int, int, str]]:
    said = [one for one in told(*uplinks, **options) if one["type"] == "passed/1"]
    return [(one.get("inward", 0), one.get("outward", 0), one.get("line", "")) for one in said]


def net(*uplinks: bytes, **options: Any) -> tuple[int, int]:
    rows = passed(*uplinks, **options)
    return sum(row[0] for row in rows), sum(row[1] for row in rows)


def chirps(*payloads: bytes, session: str = "01", first: int = 0) -> list[bytes]:
    return [chirpstack(EUI, payload, first + n, session=session) for n, payload in enumerate(payloads)]


@pytest.mark.parametrize("write", [chirpstack, things_stack])
def test_totals_of_a_server_are_people(write: Any) -> None:
    payloads = [encode_vs350(18, 22), encode_vs350(25, 24), encode_vs350(25, 30)]
    assert net(*(write(EUI, payload, n) for n, payload in enumerate(payloads))) == (7, 8)


def test_a_gateway_with_a_server_of_its_own_is_understood() -> None:
    flat = (
        '{"applicationID": "1", "deviceName": "door", "devEUI": "%s", "fCnt": %d, "fPort": 85, "data": "%s"}'
    )
    said = passed(*((flat % (EUI, n, data)).encode() for n, data in ((1, "BMwSABYA"), (2, "BMwTABgA"))))
    assert said == [(1, 2, "door")]


def test_what_a_server_pushes_twice_counts_once() -> None:
    first, second = chirps(encode_period(3, 1), encode_period(4, 2))
    assert net(first, first, second, first, second) == (7, 3)


def test_a_device_that_joined_anew_counts_its_frames_anew() -> None:
    assert net(*chirps(encode_period(3, 0)), *chirps(encode_period(3, 0), session="02")) == (6, 0)


def test_a_total_that_was_overtaken_adds_nothing_and_a_period_does() -> None:
    totals = chirps(encode_vs350(10, 0), encode_vs350(12, 0), encode_vs350(15, 0), encode_vs350(16, 0))
    assert net(totals[0], totals[2], totals[1], totals[3]) == (6, 0)
    periods = chirps(*(encode_period(n, 0) for n in (1, 2, 3)))
    assert net(periods[0], periods[2], periods[1]) == (6, 0)


def test_totals_and_periods_say_the_same_people_and_are_never_mixed() -> None:
    both = chirps(
        encode_vs350(10, 5, 10, 5), encode_vs350(14, 6, 4, 1), encode_period(3, 1), encode_vs350(17, 7)
    )
    assert net(*both) == (7, 2)
    assert net(*both, take="totals") == (7, 2)
    assert net(*both, take="periods") == (17, 7)
    assert net(*both, first_counts=True) == (17, 7)


def test_history_that_is_sent_again_counts_once_and_never_beside_totals() -> None:
    history = encode_history(1_693_530_747, 11, 4)
    assert net(*chirps(encode_period(1, 0), history, history)) == (12, 4)
    assert net(*chirps(encode_vs350(50, 50), history, encode_vs350(61, 54))) == (11, 4)


def test_totals_of_two_bytes_go_over_their_end_and_a_device_that_began_anew_is_a_new_base() -> None:
    lines = [
        encode_imbuildings(IMB, a, b).hex().encode() for a, b in ((65_534, 1), (65_537, 2), (40, 2), (41, 2))
    ]
    assert net(*lines) == (43, 1)
    assert net(*[encode_imbuildings(IMB, a, 0).hex().encode() for a in (40_000, 10, 11)]) == (1, 0)
    assert net(*[encode_imbuildings(IMB, a, 0).hex().encode() for a in (0, 30_000, 30_001)]) == (1, 0)


def test_in_and_out_may_change_places() -> None:
    lines = [encode_imbuildings(IMB, a, b, a).hex().encode() for a, b in ((1, 1), (4, 2))]
    assert net(*lines) == (3, 1)
    assert net(*lines, swap=True) == (1, 3)


def test_every_device_and_line_goes_its_own_way_and_has_its_name() -> None:
    first = [chirpstack(EUI, encode_vs133(n, 10, 10), n, name="mall") for n in (1, 2)]
    other = [chirpstack(OTHER, encode_vs350(n, 0), n, name="back") for n in (500, 501)]
    later = [chirpstack(EUI, encode_vs133(n, 10 + n, 10), 2 + n, name="mall") for n in (1, 2)]
    rows = passed(*first, *other, *later, lines={f"{EUI}/2": "stairs", OTHER: "yard"})
    assert rows == [(1, 0, "yard"), (1, 0, "mall 1"), (2, 0, "stairs")]


def test_totals_of_four_bytes_do_not_wrap_at_two() -> None:
    rows = [chirpstack(EUI, encode_vs133(1, n, 0), k) for k, n in enumerate((65_530, 65_540, 3, 5))]
    assert net(*rows) == (12, 0)


def test_joins_and_nonsense_are_no_people() -> None:
    said = told(
        b'{"deviceInfo": {"devEui": "%s"}, "devAddr": "00189440"}' % EUI.encode(),
        b'{"deviceInfo": {"devEui": 5}, "data": 7}',
        b'{"uplink_message": {"frm_payload": "!!"}}',
        b'{"uplink_message": [], "data": "BMwSABYA", "fCnt": -1, "fPort": "x"}',
        b'{"a": {"b": [1, 2, "}"]}}',
        b"1732240000",
    )
    assert [one["type"] for one in said] == ["other", "uplink", "uplink", "uplink", "other", "uplink"]
    assert [one.get("problem") for one in said] == [None, "payload", "payload", None, None, "unknown"]


def test_more_people_than_can_be_are_none() -> None:
    said = told(*chirps(encode_period(5000, 0), encode_period(5, 0)))
    assert [one.get("problem") for one in said if one["type"] == "uplink"] == ["jump", None]
    assert net(*chirps(encode_period(5000, 0), encode_period(5, 0))) == (5, 0)


def test_a_payload_is_read_as_the_model_that_knows_all_of_it() -> None:
    assert read_payload(bytes.fromhex("05CC02000100"))[0]["model"] == "vs350"
    assert read_payload(bytes.fromhex("05CC0200010008CC03000400"))[0]["line_2_period_out"] == 4
    assert read_payload(bytes.fromhex("05CC0200010006CD05"))[0]["people_in"] == 2
    assert read_payload(bytes.fromhex("05CC02000100"), "vs133")[0]["line_1_period_in"] == 2


def test_devices_without_end_are_not_all_remembered() -> None:
    decoder: Any = DRIVER.decoder(DRIVER.options())
    for n in range(DEVICES_MAX + 50):
        decoder.feed(chirpstack(f"{n:016x}", encode_vs350(1, 1), 0), 0)
    assert len(decoder._devices) == DEVICES_MAX


@given(st.binary(min_size=1, max_size=60), st.integers(1, 20))
def test_a_stream_of_lines_is_the_same_whatever_its_chunks(payload: bytes, size: int) -> None:
    stream = b"\r\n".join(
        [payload.hex().encode(), chirpstack(EUI, payload, 3), encode_vs350(1, 2).hex().encode()]
    )
    chunks = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert list(decode_stream(DRIVER, {}, chunks)) == list(decode_stream(DRIVER, {}, [stream]))


@given(st.binary(max_size=40))
def test_no_payload_makes_it_raise(payload: bytes) -> None:
    for model in ("", "vs350", "vs133", "vs121"):
        fields, understood = read_payload(payload, model)
        assert 0 <= understood <= len(payload)
        assert bool(fields) == bool(understood)


def test_datagrams_may_be_payloads_as_they_stand() -> None:
    decoder = DRIVER.decoder(DRIVER.options())
    heard: list[Heard] = []
    for n, total in enumerate((10, 13)):
        heard += decoder.feed(encode_vs350(total, 0), 1000 * n)
        heard += decoder.wake(1000 * n + 500)
    assert [each.what for each in heard if isinstance(each.what, Passed)] == [Passed(inward=3)]


def test_a_push_is_answered_by_what_was_in_it() -> None:
    decoder = DRIVER.decoder(options_of(DRIVER, {"path": "/lora"}))
    said = []
    for number, (path, body) in enumerate(
        [
            ("/lora?event=up", chirpstack(EUI, encode_vs350(1, 1), 1)),
            ("/lora?event=join", b'{"devAddr": "01"}'),
            ("/lora", b""),
            ("/lora", b"\x0a\x10protobuf"),
            ("/lora", b"[" * 100_000),
            ("/", b"{}"),
        ]
    ):
        decoder.feed(write_request(number + 1, "POST", path, [], body), 0)
        said.append(decoder.replies()[9:12].decode())
    assert said == ["200", "200", "200", "400", "400", "404"]


async def test_a_real_client_pushes_and_is_told_200() -> None:
    port: Any = await open_port("http-listen://127.0.0.1:0", clock=SystemClock())
    heard: list[Passed] = []

    async def hear(said: list[Heard]) -> None:
        heard.extend(each.what for each in said if not isinstance(each.what, Note))  # type: ignore[misc]

    pumping = asyncio.create_task(pump(DRIVER.decoder(DRIVER.options()), port, SystemClock(), hear))
    async with httpx.AsyncClient() as client, asyncio.timeout(WITHIN_S):
        for n, total in enumerate((10, 14)):
            push = chirpstack(EUI, encode_vs350(total, 0), n, name="东门")
            answer = await client.post("http://{}:{}/?event=up".format(*port.address), content=push)
            assert answer.status_code == 200
    assert heard == [Passed(inward=4, line="东门")]
    pumping.cancel()
    await asyncio.gather(pumping, return_exceptions=True)
    await port.close()

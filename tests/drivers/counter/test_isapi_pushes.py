"""Cameras' pushes, in the wrong order, twice, of two kinds, at midnight, and over a real HTTP client."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import httpx
import pytest

from drivers.base import Heard, Note
from drivers.counter.isapi import DRIVER
from drivers.counter.isapi.alerts import utc_text
from drivers.counter.isapi.documents import DOCUMENT_BYTES_MAX
from drivers.counter.isapi.encoder import encode_counts, encode_form, encode_heartbeat
from drivers.counter.isapi.protocol import SERIES_MAX
from drivers.counter.isapi.xml_tree import DEPTH_MAX, ELEMENTS_MAX, Refused, read_xml
from drivers.decode import decode_stream, options_of
from drivers.http_frames import write_request
from drivers.ports import open_port
from drivers.pump import pump
from sync.clock import SystemClock
from sync.contract.events import Passed

WITHIN_S = 5


def at(minute: int, day: int = 22) -> str:
    return f"2026-11-{day}T{10 + minute // 60:02}:{minute % 60:02}:00+08:00"


def total(enter: int, exit: int, minute: int, **more: Any) -> bytes:
    return encode_counts(enter, exit, time=at(minute), **more)


def window(enter: int, exit: int, minute: int, **more: Any) -> bytes:
    return encode_counts(enter, exit, time=at(minute), window=(at(minute - 15), at(minute)), **more)


def told(*documents: bytes, **options: Any) -> list[dict[str, Any]]:
    return list(decode_stream(DRIVER, options, documents))


def net(*documents: bytes, **options: Any) -> tuple[int, int]:
    passed = [one for one in told(*documents, **options) if one["type"] == "passed/1"]
    return sum(one.get("inward", 0) for one in passed), sum(one.get("outward", 0) for one in passed)


def test_totals_count_what_they_went_up() -> None:
    assert net(total(17, 15, 0), total(20, 15, 1), total(20, 19, 2)) == (3, 4)
    assert net(total(17, 15, 0), total(20, 15, 1), first_counts=True) == (20, 15)


def test_totals_and_windows_say_the_same_people_and_are_never_mixed() -> None:
    both = [total(100, 90, 0), window(5, 4, 15), total(105, 94, 15), window(2, 1, 30), total(107, 95, 30)]
    assert net(*both) == (7, 5)
    assert net(*both, take="cumulative") == (7, 5)
    assert net(*both, take="window") == (7, 5)
    assert net(window(5, 4, 15), total(105, 94, 15), window(2, 1, 30), total(107, 95, 30)) == (7, 5)


def test_a_total_that_falls_at_midnight_is_a_new_base_or_counts_when_told_to() -> None:
    night = [
        encode_counts(900, 880, time="2026-11-22T23:59:00+08:00"),
        encode_counts(2, 1, time="2026-11-23T00:01:00+08:00"),
        encode_counts(3, 1, time="2026-11-23T00:02:00+08:00"),
    ]
    assert net(*night) == (1, 0)
    assert net(*night, reset_counts=True) == (3, 1)


def test_what_is_sent_again_counts_once() -> None:
    assert net(total(10, 0, 0), total(12, 0, 1), total(10, 0, 0, retransmitted=True), total(13, 0, 2)) == (
        3,
        0,
    )
    missed = window(4, 0, 30, retransmitted=True)
    assert net(window(1, 0, 15), window(2, 0, 45), missed, missed, window(2, 0, 45)) == (7, 0)


def test_a_total_that_was_overtaken_on_its_way_is_no_new_beginning() -> None:
    assert net(total(10, 0, 0), total(16, 0, 2), total(13, 0, 1), total(18, 0, 3)) == (8, 0)


def test_a_clock_put_back_for_long_does_not_stop_the_counting() -> None:
    new_clock = [encode_counts(n, 0, time=f"1970-01-01T00:0{n}:00Z") for n in (1, 2, 5)]
    assert net(total(10, 0, 0), *new_clock) == (4, 0)


def test_every_camera_channel_and_region_goes_its_own_way() -> None:
    documents = [
        total(10, 0, 0),
        total(500, 0, 0, channel=2, name="Back door"),
        total(90, 0, 0, mac="44:47:cc:00:00:02"),
        total(11, 0, 1),
        total(502, 0, 1, channel=2, name="Back door"),
        total(93, 0, 1, mac="44:47:cc:00:00:02"),
    ]
    passed = [one for one in told(*documents, lines={"1": "front"}) if one["type"] == "passed/1"]
    assert [(one["inward"], one["line"]) for one in passed] == [(1, "front"), (2, "Back door"), (3, "front")]


def test_regions_of_one_document_are_told_one_by_one() -> None:
    regions = "".join(
        f"<peopleCounting><statisticalMethods>timeRange</statisticalMethods><regionID>{n}</regionID>"
        f"<enter>{n}</enter><exit>0</exit></peopleCounting>"
        for n in (1, 2)
    )
    document = f"<EventNotificationAlert><channelID>4</channelID>{regions}</EventNotificationAlert>".encode()
    passed = [one for one in told(document, lines={"4/2": "stairs"}) if one["type"] == "passed/1"]
    assert [(one["inward"], one.get("line", "")) for one in passed] == [(1, "1"), (2, "stairs")]


def test_more_people_than_can_be_are_none() -> None:
    said = told(total(10, 0, 0), total(5000, 0, 1), total(5001, 0, 2), window(2000, 0, 15), take="cumulative")
    assert [one.get("problem", "") for one in said if one["type"] == "counts"] == ["", "jump", "", ""]
    assert net(total(10, 0, 0), total(5000, 0, 1), total(5001, 0, 2)) == (1, 0)


def test_cameras_without_end_are_not_all_remembered() -> None:
    decoder: Any = DRIVER.decoder(DRIVER.options())
    for n in range(SERIES_MAX + 50):
        decoder.feed(total(1, 1, 0, mac=f"mac-{n}"), 0)
    assert len(decoder._series) == SERIES_MAX


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-08-12T11:50:47-5:00", "2026-08-12T16:50:47Z"),
        ("2026-08-12T11:50:47-05:30", "2026-08-12T17:20:47Z"),
        ("2026-08-12T11:50:47.123+0800", "2026-08-12T03:50:47Z"),
        ("2026-08-12T11:50:47Z", "2026-08-12T11:50:47Z"),
        ("2026-8-2 1:50:47", "2026-08-02T01:50:47Z"),
        ("2026-13-12T11:50:47Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("2026-08-12T11:50:47+99:99", None),
        ("yesterday", None),
    ],
)
def test_times_as_cameras_write_them(text: str, utc: str | None) -> None:
    assert utc_text(text) == utc


@pytest.mark.parametrize(
    "bomb",
    [
        b'<!DOCTYPE a [<!ENTITY b "x">]><EventNotificationAlert>&b;</EventNotificationAlert>',
        b"<EventNotificationAlert>&b;</EventNotificationAlert>",
        b"<EventNotificationAlert>" + b"<a>" * DEPTH_MAX + b"</a>" * DEPTH_MAX + b"</EventNotificationAlert>",
        b"<EventNotificationAlert>" + b"<a/>" * ELEMENTS_MAX + b"</EventNotificationAlert>",
        b"<EventNotificationAlert><a></EventNotificationAlert>",
    ],
)
def test_xml_that_could_hurt_is_refused(bomb: bytes) -> None:
    with pytest.raises(Refused):
        read_xml(bomb)
    (said,) = told(bomb)
    assert said["problem"] == "xml"


def test_a_document_without_an_end_is_given_up_and_the_next_is_read() -> None:
    assert [one.get("problem") for one in told(total(1, 1, 0)[:200])] == ["cut"]
    assert net(total(1, 1, 0)[:200] + total(1, 1, 1) + total(3, 1, 2)) == (2, 0)
    huge = b"<EventNotificationAlert>" + b" " * DOCUMENT_BYTES_MAX
    assert net(huge + total(1, 1, 1) + total(3, 1, 2)) == (2, 0)


def test_chinese_names_are_read_in_utf_8_and_in_gbk() -> None:
    for encoding in ("utf-8", "gb18030"):
        documents = [total(n, 0, n, name="东门").decode().encode(encoding) for n in (1, 2)]
        assert [one["line"] for one in told(*documents) if one["type"] == "passed/1"] == ["东门"]


def answers_to(*requests: bytes, **options: Any) -> list[bytes]:
    decoder = DRIVER.decoder(options_of(DRIVER, options))
    found = []
    for request in requests:
        decoder.feed(request, 0)
        found.append(decoder.replies().partition(b"\r\n")[0])
    return found


def test_a_push_is_answered_by_what_was_in_it() -> None:
    kind, form = encode_form(total(1, 1, 0), b"\xff\xd8picture")
    pushes = [
        write_request(1, "POST", "/c", [("Content-Type", kind)], form),
        write_request(2, "POST", "/c?x=1", [], encode_heartbeat(time=at(0))),
        write_request(3, "GET", "/c"),
        write_request(4, "POST", "/c", [], b"{}"),
        write_request(5, "POST", "/c", [], b"<!DOCTYPE a [] >" + total(1, 1, 0)),
        write_request(6, "POST", "/elsewhere", [], total(1, 1, 0)),
    ]
    said = answers_to(*pushes, path="/c")
    assert [line.decode()[9:12] for line in said] == ["200", "200", "200", "400", "400", "404"]


async def test_a_real_client_is_told_200_only_after_its_people_were_recorded() -> None:
    port: Any = await open_port("http-listen://127.0.0.1:0", clock=SystemClock())
    recorded: list[Passed] = []
    may_record = asyncio.Event()

    async def hear(heard: list[Heard]) -> None:
        events = [each.what for each in heard if not isinstance(each.what, Note)]
        if events:
            await may_record.wait()
        recorded.extend(events)  # type: ignore[arg-type]

    pumping = asyncio.create_task(pump(DRIVER.decoder(DRIVER.options()), port, SystemClock(), hear))
    url = "http://{}:{}/".format(*port.address)
    async with httpx.AsyncClient() as client, asyncio.timeout(WITHIN_S):
        picture = bytes(range(256)) * 4000
        first = await client.post(url, files={"picture": picture, "alert": total(5, 5, 0)})
        assert first.status_code == 200
        second = asyncio.create_task(client.post(url, content=total(8, 5, 1)))
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(second), 0.2)
        assert not second.done()
        may_record.set()
        assert (await second).status_code == 200
    assert [(each.inward, each.outward) for each in recorded] == [(3, 0)]
    pumping.cancel()
    await asyncio.gather(pumping, return_exceptions=True)
    await port.close()


def test_an_end_between_a_document_type_and_an_alert_ends_nothing() -> None:
    lost = b"<!DOCTYPE x></EventNotificationAlert><EventNotificationAlert></EventNotificationAlert>"
    assert [one["problem"] for one in told(lost)] == ["xml"]

"""The manual names every metric, alarm, limit and time of keeping as the code has it, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from central_server.uplink.meters import Meters
from config.central import CentralSettings, KeepSettings, LimitSettings
from config.edge import EdgeSettings

MANUALS = ("docs/operating.md", "docs/operating.zh-CN.md")


@pytest.fixture(params=MANUALS)
def manual(request: pytest.FixtureRequest, root: Path) -> str:
    return (root / request.param).read_text("utf-8")


def test_every_metric_of_the_centre_is_told_and_no_other(manual: str) -> None:
    registry = CollectorRegistry()
    Meters(registry)
    known = {f.name + ("_total" if f.type == "counter" else "") for f in registry.collect()}
    assert set(re.findall(r"tillbeam_uplink_[a-z_]+", manual)) == known


def test_every_metric_of_a_box_is_told_and_no_other(manual: str, root: Path) -> None:
    source = "".join(path.read_text("utf-8") for path in (root / "edge_agent").glob("*.py"))
    known = {f"tillbeam_edge_{name}" for name in re.findall(r'\bfamily\(\s*"([a-z_]+)"', source)}
    assert len(known) > 10
    assert set(re.findall(r"tillbeam_edge_[a-z_]+", manual)) == known


def test_every_alarm_is_told(manual: str, root: Path) -> None:
    source = "".join(path.read_text("utf-8") for path in (root / "edge_agent").glob("*.py"))
    raised = set(re.findall(r'\b_?alarms?(?:\.set)?\(\s*"([a-z_]+)"', source))
    assert raised >= {"disk_full", "lane_stuck", "epoch_fenced"}
    told = set(re.findall(r"^\| `([a-z_]+)` \|", manual, re.MULTILINE))
    assert raised <= told


def test_times_of_keeping_are_those_of_the_settings(manual: str) -> None:
    for name, field in KeepSettings.model_fields.items():
        assert f"| `keep.{name}` | {field.default} |" in manual
    assert EdgeSettings().outbox.keep_days == 7
    assert re.search(r"\| `outbox\.keep_days`.*\| 7 \|", manual)


def test_limits_are_those_of_the_code(manual: str) -> None:
    from central_server.ledger.leases.leases import PER_STORE_MAX
    from central_server.membership.cards import CARDS_MAX
    from central_server.sales.choice import DAYS_MAX
    from central_server.stores.enrolment import ADDRESS_TRIES, CODE_HOLDS_MS
    from central_server.stores.hierarchy import STORES_MAX
    from central_server.traffic.levels import HOLD_MS
    from central_server.traffic.reading import EXPECTED_MS
    from central_server.traffic.tally import PEOPLE_MAX
    from central_server.traffic.zone_pages import ZONES_SHOWN
    from central_server.uplink.apply import ASIDE_MAX
    from central_server.uplink.inbox import WAITING_MAX
    from central_server.web.exports import AT_ONCE_MAX, LONGEST_S
    from config.edge import DEVICES_MAX
    from config.sources import ALL_FILES_MAX_BYTES, FILE_MAX_BYTES, FILES_MAX
    from drivers.counter.camera.detector import MODEL_BYTES_MAX
    from drivers.counter.camera.eye import PAST_S, TRACKS_S
    from drivers.counter.camera.kept import PICTURES_BYTES_MAX, SEEN_MAX
    from drivers.counter.camera.loop import HANGS_S, NO_PICTURE_S
    from drivers.counter.camera.options import LINES_MAX as CAMERA_LINES_MAX
    from drivers.counter.camera.options import ZONES_MAX, CameraOptions
    from drivers.counter.camera.witness import LOOK_MAX_S, SHARE, SLOW_MAX
    from drivers.http_frames import BODY_BYTES_MAX, HEAD_BYTES_MAX
    from drivers.ports import camera, inline
    from drivers.ports import http_listen as http
    from drivers.ports.nursery import BIRTH_WAIT_S
    from drivers.pos.nexo.decoder import QUEUE_MAX, REMEMBERED_MAX
    from drivers.pos.nexo.options import REPEAT_MS
    from drivers.pos.zvt.dialogue import HELD_MS_MAX
    from drivers.pos.zvt.line import T2_MS
    from edge_agent.field.recording import RECORDING_MAX_BYTES
    from edge_agent.health import OFFLINE_HEARTBEAT_MS
    from edge_agent.holders import KEPT as HOLDERS_KEPT
    from edge_agent.store.journal import SALE_MS
    from edge_agent.till import CARD_STAYS_MS, RECENT_KEPT
    from edge_agent.web.asked import AMOUNT_MAX_MINOR
    from sync.contract.events import DWELL_MAX_MS, LINES_MAX, TENDERS_MAX
    from sync.contract.message import EVENT_MAX_BYTES, INFLATED_MAX_BYTES, PAYLOAD_MAX_BYTES

    numbers: list[list[int | float]] = [
        [PAYLOAD_MAX_BYTES // 1024, INFLATED_MAX_BYTES // 2**20],
        [EVENT_MAX_BYTES // 1024],
        [LINES_MAX, TENDERS_MAX],
        [DEVICES_MAX],
        [
            http.CONNECTIONS_MAX,
            HEAD_BYTES_MAX // 1024,
            BODY_BYTES_MAX // 2**20,
            http.BODIES_BYTES_MAX // 2**20,
        ],
        [int(http.REQUEST_WAIT_S), int(http.ANSWER_S), int(http.IDLE_WAIT_S)],
        [int(http.ARRIVAL_WAIT_S)],
        [QUEUE_MAX],
        [REPEAT_MS // 3_600_000, REMEMBERED_MAX],
        [HELD_MS_MAX // 1000],
        [T2_MS // 1000],
        [inline.KEPT_BYTES // 2**20, int(inline.LINGER_S)],
        [int(NO_PICTURE_S), int(HANGS_S), int(camera.SILENCE_S), int(BIRTH_WAIT_S)],
        [int(PAST_S / 60), PICTURES_BYTES_MAX // 2**20, int(TRACKS_S / 60), SEEN_MAX],
        [
            MODEL_BYTES_MAX // 2**20,
            int(CameraOptions().detector_per_s),
            int(100 * SHARE),
            int(1000 * LOOK_MAX_S),
            SLOW_MAX,
        ],
        [CAMERA_LINES_MAX, ZONES_MAX],
        sorted([FILE_MAX_BYTES // 1024, ALL_FILES_MAX_BYTES // 2**20, FILES_MAX]),
        [EdgeSettings().outbox.max_mib],
        [CARD_STAYS_MS // 60_000],
        [PER_STORE_MAX],
        [CentralSettings().leases.pin_wrong_max],
        [],  # whom a second person must help, and from how much on, is the chain's to say
        [SALE_MS // 60_000],
        [RECENT_KEPT],
        [HOLDERS_KEPT],
        [AMOUNT_MAX_MINOR // 100],
        [OFFLINE_HEARTBEAT_MS // 60_000],
        [WAITING_MAX],
        [STORES_MAX],
        [ADDRESS_TRIES],
        [LimitSettings().sign_in_tries],
        [CentralSettings().limits.export_rows],
        [AT_ONCE_MAX],
        [LONGEST_S / 60],
        [ASIDE_MAX],
        [CARDS_MAX],
        [RECORDING_MAX_BYTES // 2**20],
        [DAYS_MAX, ZONES_SHOWN],
        [DWELL_MAX_MS // 3_600_000, PEOPLE_MAX],
        [HOLD_MS // 60_000],
        [EXPECTED_MS // 86_400_000],
    ]
    table = re.split(r"^## (?:Limits|上限)$", manual, flags=re.MULTILINE)[1].split("\n## ")[0]
    cells = [line.split("|")[2] for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(cells) == len(numbers)
    for cell, expected in zip(cells, numbers, strict=True):
        found = [int(n) for n in re.findall(r"\b(\d+)\b", re.sub(r"[^\x00-\x7f]", " ", cell))]
        assert set(expected) <= set(found), cell
    assert CODE_HOLDS_MS == 24 * 3_600_000

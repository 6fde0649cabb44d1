"""The doctor's checks of settings, enrolment, packages and service."""

from __future__ import annotations

import importlib.util
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from config.edge import EdgeSettings
from edge_agent.field.doctor.box import agents_user, look_around, read_settings
from edge_agent.field.doctor.command import examine_box
from edge_agent.field.doctor.installed import packages
from edge_agent.field.doctor.service import agent, service
from edge_agent.field.doctor.settings import enrolled, settings
from edge_agent.field.machine import Who
from edge_agent.identity import FILE_NAME, write_identity
from edge_agent.strangers import strangers, whose
from tests.edge_agent.field.doctoring import STORE, answering, the_one, told


@pytest.mark.parametrize(("given", "lang"), [("time zone", "en"), ("Time Zone", "zh_CN"), ("timezone", "en")])
def test_a_check_is_called_as_it_is_printed_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: str, lang: str
) -> None:
    examine_box(tmp_path / "edge.yaml", [given], as_json=True, lang=lang)
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["check"] == "timezone"


def test_settings_that_are_right_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "edge.yaml"
    path.write_text("devices:\n  - {name: door, driver: counter.beam, port: 'sim:1'}\n")
    assert told(settings(look_around(path, {}, "en"))) == [("ok", f"{path} is right; devices: 1")]


def test_every_mistake_is_a_line_and_what_is_right_is_used_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "edge.yaml"
    path.write_text(
        f"state_dir: {tmp_path}\ncentre: {{keepalive_s: soon, broker: 'mqtt://b'}}\ncolour: red\ndevices:\n"
        "  - {name: door, driver: counter.beem, port: 'sim:1'}\n"
        "  - {name: card, driver: cardreader.rdm6300, port: 'sim:2'}\n"
    )
    box = look_around(path, {}, "en")
    assert [state for state, _ in told(settings(box))] == ["bad"] * 3
    assert all(each.mend == f"sudoedit {path}" for each in settings(box))
    assert (box.settings.state_dir, box.settings.centre.broker) == (tmp_path, "mqtt://b")
    assert [device.name for device in box.settings.devices] == ["card"]


@pytest.mark.parametrize(
    "text",
    ["", "devices:\n- [", "\x00\xff", "- a\n- b\n", "devices: 7\n", "web: []\nstore: HZ 4\n", "a: &a [*a]\n"],
)
def test_no_file_however_broken_keeps_the_other_checks_from_their_work(tmp_path: Path, text: str) -> None:
    path = tmp_path / "edge.yaml"
    path.write_bytes(text.encode("latin-1"))
    found, refused = read_settings(path, {}, "en")
    assert found == EdgeSettings()
    assert (refused is None) == (text == "")


def test_no_settings_at_all_are_told_with_the_first_lines_to_write(tmp_path: Path) -> None:
    found = the_one(settings(look_around(tmp_path / "none.yaml", {}, "en")))
    assert found.state == "bad"
    assert "| sudo tee" in found.mend


def test_more_mistakes_than_anyone_reads_at_once_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "edge.yaml"
    path.write_text("".join(f"nonsense_{n}: 1\n" for n in range(9)))
    found = told(settings(look_around(path, {}, "en")))
    assert len(found) == 6
    assert found[-1] == ("bad", "and 4 more")


def test_a_box_that_is_enrolled_says_as_what(box_of: Any) -> None:
    box = box_of(identity=STORE)
    write_identity(box.settings.state_dir / FILE_NAME, STORE)
    assert told(enrolled(box)) == [("ok", "store hz-004")]
    (box.settings.state_dir / FILE_NAME).chmod(0o644)
    assert told(enrolled(box))[1][0] == "bad"
    other = box_of(identity=STORE, settings={"store": "hz-005"})
    assert told(enrolled(other))[0] == (
        "bad",
        "the settings are for store hz-005, but the box is enrolled as hz-004",
    )


def test_a_box_that_is_not_enrolled_or_lost_its_identity_is_told_how(tmp_path: Path) -> None:
    path = tmp_path / "edge.yaml"
    path.write_text(f"state_dir: {tmp_path}\n")
    assert "enrol --code" in the_one(enrolled(look_around(path, {}, "en"))).mend
    (tmp_path / FILE_NAME).write_text("{")
    damaged = the_one(enrolled(look_around(path, {}, "en")))
    assert (damaged.state, "enrol --code" in damaged.mend) == ("bad", True)


def test_packages_that_are_ours_are_well(box_of: Any) -> None:
    assert the_one(packages(box_of())).state == "ok"


def test_a_package_of_that_name_by_somebody_else_is_told_with_its_place(
    box_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec

    def find_spec(name: str) -> Any:
        if name == "sync":
            return SimpleNamespace(origin=None, submodule_search_locations=[str(tmp_path / "sync")])
        return None if name == "drivers" else real(name)

    monkeypatch.setattr("importlib.util.find_spec", find_spec)
    assert strangers() == {"drivers": "-", "sync": str(tmp_path / "sync")}
    assert str(tmp_path / "sync") in whose(ImportError("cannot import name 'x'"))
    assert [each.args["name"] for each in packages(box_of())] == ["drivers", "sync"]


def test_libraries_that_are_missing_are_named(box_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.field.doctor.installed.NEEDED", ("msgspec", "no_such_thing", "no.such"))
    found = the_one(packages(box_of()))
    assert (found.state, found.args["names"]) == ("bad", "no_such_thing, no.such")


RUNNING = "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nWatchdogUSec=30s\nNRestarts=0"


@pytest.mark.parametrize(
    ("unit", "states"),
    [
        (RUNNING, ["ok"]),
        (RUNNING.replace("enabled", "disabled"), ["ok", "warn"]),
        (RUNNING.replace("30s", "0"), ["ok", "warn"]),
        (RUNNING.replace("NRestarts=0", "NRestarts=12"), ["ok", "warn"]),
        (RUNNING.replace("=active", "=failed"), ["bad"]),
        (RUNNING.replace("=loaded", "=not-found"), ["bad"]),
        ("System has not been booted with systemd as init system", ["bad"]),
    ],
)
def test_the_service_is_as_systemd_says(box_of: Any, unit: str, states: list[str]) -> None:
    found = list(service(box_of(run=answering(systemctl=unit))))
    assert [each.state for each in found] == states
    assert all(each.mend for each in found if each.state != "ok")


def test_without_systemd_a_running_agent_will_do(box_of: Any) -> None:
    assert the_one(service(box_of(agent_pid=77))).state == "ok"
    unit = RUNNING.replace("=loaded", "=not-found")
    assert the_one(service(box_of(agent_pid=77, run=answering(systemctl=unit)))).state == "warn"


def test_a_running_agent_is_found_by_the_lock_on_its_folder(planted: Any) -> None:
    planted.process(77, "tillbeam-edge", uid=994)
    planted.write("var/lib/tillbeam/edge/lock", "")
    planted.locked(77, "var/lib/tillbeam/edge/lock")
    box = look_around(planted.root / "no.yaml", {}, "en", planted.machine)
    assert (box.agent_pid, box.who) == (77, Who("tillbeam", 994, frozenset({994, 20})))
    assert agents_user(planted.machine, 0) is not None


class Status(BaseHTTPRequestHandler):
    """`/edge/status` of an agent."""

    body = b"{}"

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: Any) -> None:
        return None


@pytest.mark.parametrize(
    ("body", "states"),
    [
        (b'{"link": "online", "devices": [], "alarms": []}', ["ok"]),
        (b'{"link": "offline", "link_error": "cannot reach b:8883"}', ["warn"]),
        (
            b'{"link": "syncing", "devices": [{"name": "door", "state": "down"}, {"name": "c"}],'
            b' "alarms": [{"name": "disk_full"}]}',
            ["ok", "bad", "bad"],
        ),
        (b"<html>", ["bad"]),
        (b"[1]", ["bad"]),
    ],
)
def test_what_the_agent_says_of_itself_is_told(box_of: Any, body: bytes, states: list[str]) -> None:
    server = HTTPServer(("127.0.0.1", 0), type("Answer", (Status,), {"body": body}))
    threading.Thread(target=server.handle_request, daemon=True).start()
    box = box_of(agent_pid=77, settings={"web": {"port": server.server_port}})
    assert [each.state for each in agent(box)] == states
    server.server_close()
    assert the_one(agent(box)).state == "bad"  # it has gone
    assert the_one(agent(box_of(settings={"web": {"port": server.server_port}}))).state == "warn"


def test_of_a_camera_that_is_blind_the_check_of_devices_knows_more(box_of: Any) -> None:
    body = (
        b'{"link": "online", "devices": [{"name": "door", "state": "blocked", "port": "camera:/dev/video0"}]}'
    )
    server = HTTPServer(("127.0.0.1", 0), type("Answer", (Status,), {"body": body}))
    threading.Thread(target=server.handle_request, daemon=True).start()
    _line, camera = agent(box_of(agent_pid=77, settings={"web": {"port": server.server_port}}))
    server.server_close()
    assert told([camera]) == [("bad", "door is blocked")]
    assert camera.mend == "tillbeam-edge doctor --only devices"

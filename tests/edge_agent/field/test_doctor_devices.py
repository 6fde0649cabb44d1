"""The doctor's checks of devices, and of checks that hang or break."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edge_agent.field.doctor.box import Box, look_around
from edge_agent.field.doctor.clocks import clock, time_zone
from edge_agent.field.doctor.devices import devices
from edge_agent.field.doctor.disk import database, disk, outbox
from edge_agent.field.doctor.examine import Check, examine
from edge_agent.field.doctor.findings import Finding, bad, ok, without_systemd
from edge_agent.field.doctor.installed import packages
from edge_agent.field.doctor.settings import enrolled, settings
from edge_agent.field.machine import Machine
from tests.edge_agent.field.doctoring import ADA, the_one, told


def with_device(port: str, driver: str = "cardreader.rdm6300") -> dict[str, Any]:
    return {"devices": [{"name": "card", "driver": driver, "port": port}]}


def test_a_device_by_a_name_that_stays_is_well(box_of: Any, planted: Any) -> None:
    planted.usb_line("ttyUSB0", by_id="usb-FTDI")
    box = box_of(settings=with_device("serial:///dev/serial/by-id/usb-FTDI?baud=9600"))
    assert told(devices(box)) == [("ok", "card: /dev/serial/by-id/usb-FTDI")]


def test_a_device_by_a_name_that_may_change_is_told_the_better_one(box_of: Any, planted: Any) -> None:
    planted.usb_line("ttyUSB0", by_id="usb-FTDI")
    found = the_one(devices(box_of(settings=with_device("serial:///dev/ttyUSB0?baud=4800&bits=7&parity=E"))))
    assert found.state == "warn"
    assert found.args["url"] == "serial:///dev/serial/by-id/usb-FTDI?baud=4800&bits=7&parity=E"


def test_a_device_that_is_unplugged_is_told(box_of: Any) -> None:
    assert (
        the_one(devices(box_of(settings=with_device("serial:///dev/ttyUSB7")))).mend == "tillbeam-edge ports"
    )


def test_a_device_that_the_agents_user_may_not_open_is_told(box_of: Any, planted: Any) -> None:
    planted.usb_line("ttyUSB0")
    (planted.root / "dev/ttyUSB0").chmod(0o600)
    found = the_one(devices(box_of(who=ADA, settings=with_device("serial:///dev/ttyUSB0"))))
    assert (found.state, found.args["user"], found.args["mode"]) == ("bad", "ada", "0600")
    assert found.mend


def test_a_device_that_somebody_else_holds_is_told_but_not_the_agent(box_of: Any, planted: Any) -> None:
    planted.usb_line("ttyUSB0", by_id="usb-FTDI")
    planted.process(77, "tillbeam-edge", opens="/dev/ttyUSB0")
    port = "serial:///dev/serial/by-id/usb-FTDI"
    assert the_one(devices(box_of(agent_pid=77, settings=with_device(port)))).state == "ok"
    planted.process(411, "ModemManager", opens="/dev/ttyUSB0", unit="ModemManager.service")
    found = the_one(devices(box_of(agent_pid=77, settings=with_device(port))))
    assert (found.state, found.mend) == ("bad", "sudo systemctl stop ModemManager")


def test_an_agent_whose_state_folder_we_may_not_see_is_still_ours(box_of: Any, planted: Any) -> None:
    planted.usb_line("ttyUSB0", by_id="usb-FTDI")
    planted.process(77, "python3", opens="/dev/ttyUSB0")
    box = box_of(settings=with_device("serial:///dev/serial/by-id/usb-FTDI"))
    planted.write("proc/77/cmdline", "/usr/bin/python3\0/opt/tillbeam/bin/tillbeam-edge\0sniff\0")
    assert the_one(devices(box)).state == "bad"
    planted.write("proc/77/cmdline", "/usr/bin/python3\0/opt/tillbeam/bin/tillbeam-edge\0run\0")
    assert the_one(devices(box)).state == "ok"


def test_settings_that_could_not_be_read_are_not_taken_for_none(tmp_path: Path, planted: Any) -> None:
    (tmp_path / "edge.yaml").write_text("devices: [")
    found = the_one(devices(look_around(tmp_path / "edge.yaml", {}, "en", planted.machine)))
    assert "could not be read" in found.says


@pytest.mark.parametrize(
    ("mend", "left"),
    [
        ("journalctl -u tillbeam-edge -n 50", ""),
        ("sudo systemctl enable --now tillbeam-edge; journalctl -u tillbeam-edge", "tillbeam-edge run"),
        ("sudo chmod a+r /x; sudo systemctl restart tillbeam-edge", "sudo chmod a+r /x; tillbeam-edge run"),
        ("sudo systemctl enable --now pcscd.socket; tillbeam-edge ports", "tillbeam-edge ports"),
    ],
)
def test_without_systemd_nobody_is_sent_to_it(mend: str, left: str) -> None:
    assert without_systemd(mend) == left


def test_a_serial_server_is_called_unless_the_agent_has_it(box_of: Any) -> None:
    port = "tcp://127.0.0.1:1"
    assert the_one(devices(box_of(settings=with_device(port)))).state == "bad"
    assert the_one(devices(box_of(agent_pid=77, settings=with_device(port)))).state == "ok"


def test_no_devices_and_simulated_ones_are_told(box_of: Any) -> None:
    assert the_one(devices(box_of())).state == "warn"
    assert the_one(devices(box_of(settings=with_device("sim:1")))).state == "ok"


def test_a_machine_without_pins_or_readers_is_told(box_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert the_one(devices(box_of(settings=with_device("gpio:A=17,B=27", "counter.beam")))).state == "bad"
    monkeypatch.setattr(
        "edge_agent.field.doctor.devices.pcsc_readers", lambda: [SimpleNamespace(name="ACS 1")]
    )
    assert the_one(devices(box_of(settings=with_device("pcsc:ACS", "cardreader.pcsc")))).state == "ok"
    assert the_one(devices(box_of(settings=with_device("pcsc:SCM", "cardreader.pcsc")))).state == "bad"
    monkeypatch.setattr("edge_agent.field.doctor.devices.pcsc_readers", list)
    found = the_one(devices(box_of(settings=with_device("pcsc:SCM", "cardreader.pcsc"))))
    assert found.mend == "sudo apt-get install pcscd"


def test_checks_that_hang_or_break_do_not_touch_the_others(box_of: Any) -> None:
    go_on = threading.Event()

    def hangs(box: Box) -> Iterable[Finding]:
        yield ok("began")
        go_on.wait(10)

    def breaks(box: Box) -> Iterable[Finding]:
        yield bad("found")
        raise ZeroDivisionError("\x1b[2J")

    checks = [
        Check("a", "a", hangs, 0.2),
        Check("b", "b", breaks),
        Check("c", "c", lambda box: [ok("fine")]),
    ]
    began_s = time.monotonic()
    first, second, third = examine(box_of(), checks)
    go_on.set()
    assert time.monotonic() - began_s < 5
    assert told(first.findings) == [("ok", "began"), ("warn", "no answer after 0.2 s; given up")]
    assert first.hung
    assert told(second.findings) == [
        ("bad", "found"),
        ("bad", "this check broke: ZeroDivisionError: \\x1b[2J"),
    ]
    assert told(third.findings) == [("ok", "fine")]


def test_nothing_that_a_check_can_be_given_makes_it_raise(tmp_path: Path) -> None:
    """An empty machine, no settings, no state folder."""
    (tmp_path / "machine").mkdir()
    box = look_around(tmp_path / "no.yaml", {}, "en", Machine(tmp_path / "machine"))
    for check in (settings, enrolled, packages, devices, clock, time_zone, disk, database, outbox):
        told(check(box))

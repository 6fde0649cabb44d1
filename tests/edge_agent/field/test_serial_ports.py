"""`ports` on planted machines: names that stay, who holds what, who may, and YAML that the settings take."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from config.edge import EdgeSettings
from config.load import load
from config.mistakes import BadSettings
from drivers.ports import check_port
from edge_agent.field.holders import holders_of
from edge_agent.field.inputs import card_slots, gpio_chips, keyboards
from edge_agent.field.machine import Who
from edge_agent.field.port_list import as_json, device_path, lines, plugs, used_ports, yaml_for
from edge_agent.field.rights import may_use, rights_of
from edge_agent.field.serial_lines import serial_lines, steady_names
from edge_agent.field.suggested import UNKNOWN_DRIVER
from tests.edge_agent.field.doctoring import ADA

ROOT = Who("root", 0, frozenset({0}))


def test_an_adapter_is_told_with_its_names_ids_and_driver(planted: Any) -> None:
    planted.usb_line("ttyUSB0", by_id="usb-FTDI_A50285BI-if00-port0")
    (line,) = serial_lines(planted.machine, ROOT)
    assert line.device == "/dev/ttyUSB0"
    assert line.by_id == ["/dev/serial/by-id/usb-FTDI_A50285BI-if00-port0"] == [line.steady]
    assert line.by_path == ["/dev/serial/by-path/pci-usb-0:1-1:1.0-port0"]
    assert line.usb is not None
    assert (line.usb.id, line.usb.maker, line.usb.serial) == ("0403:6001", "FTDI", "A50285BI")
    assert line.driver == "ftdi_sio"


def test_of_equal_adapters_without_serial_numbers_the_socket_tells_which(planted: Any) -> None:
    planted.usb_line("ttyUSB0", usb="1-1", serial="", by_id="usb-1a86_USB_Serial-if00-port0")
    planted.usb_line("ttyUSB1", usb="1-2", serial="")
    first, second = serial_lines(planted.machine, ROOT)
    assert first.steady == "/dev/serial/by-path/pci-usb-0:1-1:1.0-port0"
    assert second.steady == "/dev/serial/by-path/pci-usb-0:1-2:1.0-port0"


def test_consoles_and_lines_without_a_chip_are_no_ports(planted: Any) -> None:
    planted.device("tty1")
    planted.write("sys/class/tty/tty1/dev", "4:1")
    planted.device("ttyS1")
    planted.write("sys/class/tty/ttyS1/type", "0\n")
    planted.write("sys/class/tty/ttyS1/device/uevent", "")
    planted.device("ttyS0")
    planted.write("sys/class/tty/ttyS0/type", "4\n")
    planted.write("sys/class/tty/ttyS0/device/uevent", "")
    assert [line.device for line in serial_lines(planted.machine, ROOT)] == ["/dev/ttyS0"]


def test_a_box_without_sys_still_has_its_usual_ports(planted: Any) -> None:
    (planted.root / "sys/class/tty").rmdir()
    planted.device("ttyACM0")
    planted.device("null")
    assert [line.device for line in serial_lines(planted.machine, ROOT)] == ["/dev/ttyACM0"]
    assert serial_lines(planted.machine, ROOT)[0].usb is None


def test_who_holds_a_port_is_told_with_the_command_that_frees_it(planted: Any) -> None:
    planted.usb_line("ttyUSB0")
    planted.process(411, "ModemManager", opens="/dev/ttyUSB0", unit="ModemManager.service")
    planted.process(900, "minicom", uid=ADA.uid, opens="/dev/ttyUSB0")
    planted.process(901, "sh", uid=ADA.uid, opens="/dev/null")
    modem, terminal = holders_of(planted.machine, ["/dev/ttyUSB0"]).by["/dev/ttyUSB0"]
    assert (modem.pid, modem.program, modem.user) == (411, "ModemManager", "root")
    assert (terminal.pid, terminal.program, terminal.user) == (900, "minicom", "ada")
    assert modem.mend == "sudo systemctl stop ModemManager"
    assert terminal.mend == "sudo kill 900"
    without_us = holders_of(planted.machine, ["/dev/ttyUSB0"], own_pid=900)
    assert without_us.by["/dev/ttyUSB0"] == [modem]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every process")
def test_without_root_processes_that_are_closed_to_us_are_counted(planted: Any) -> None:
    planted.usb_line("ttyUSB0")
    planted.process(411, "secret", opens="/dev/ttyUSB0")
    (planted.root / "proc/411/fd").chmod(0)
    held = holders_of(planted.machine, ["/dev/ttyUSB0"])
    assert (held.by["/dev/ttyUSB0"], held.unseen) == ([], 1)
    (planted.root / "proc/411/fd").chmod(0o700)


def test_who_locked_a_port_is_told_without_looking_into_processes(planted: Any) -> None:
    planted.usb_line("ttyUSB0")
    planted.process(77, "tillbeam-edge", uid=994, unit="tillbeam-edge.service")
    planted.locked(77, "dev/ttyUSB0")
    (found,) = holders_of(planted.machine, ["/dev/ttyUSB0"]).by["/dev/ttyUSB0"]
    assert (found.pid, found.user, found.unit) == (77, "tillbeam", "tillbeam-edge.service")


def test_a_lock_file_counts_while_its_process_lives(planted: Any) -> None:
    planted.usb_line("ttyUSB0")
    planted.write("run/lock/LCK..ttyUSB0", "       321\n")
    assert holders_of(planted.machine, ["/dev/ttyUSB0"]).by["/dev/ttyUSB0"] == []
    planted.process(321, "minicom")
    assert holders_of(planted.machine, ["/dev/ttyUSB0"]).by["/dev/ttyUSB0"][0].program == "minicom"


class Mode:
    """As much of a stat_result as rights need."""

    def __init__(self, mode: int, uid: int = 0, gid: int = 20) -> None:
        self.st_mode, self.st_uid, self.st_gid = mode, uid, gid


@pytest.mark.parametrize(
    ("mode", "who", "write", "usable"),
    [
        (Mode(0o660), ADA, True, False),
        (Mode(0o660), ADA._replace(gids=frozenset({54_321, 20})), True, True),
        (Mode(0o666), ADA, True, True),
        (Mode(0o604), ADA, False, True),
        (Mode(0o604), ADA, True, False),
        (Mode(0o606), ADA._replace(gids=frozenset({20})), True, False),  # the group's, not the best
        (Mode(0o600), ROOT, True, True),
    ],
)
def test_rights_are_as_the_kernel_has_them(mode: Any, who: Who, write: bool, usable: bool) -> None:
    assert may_use(mode, who, write=write) is usable


def test_who_may_not_gets_the_command_that_lets_him_in(planted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    device = planted.device("ttyUSB0", 0o660)
    real = Path.stat

    def stat(path: Path, **more: Any) -> Any:
        return Mode(0o020660) if path == device else real(path, **more)

    monkeypatch.setattr(Path, "stat", stat)
    rights = rights_of(planted.machine, "/dev/ttyUSB0", ADA)
    assert rights is not None
    assert (rights.usable, rights.group, rights.mode) == (False, "dialout", "0660")
    assert rights.mend == "sudo usermod -aG dialout ada"
    assert rights_of(planted.machine, "/dev/gone", ADA) is None


def test_a_reader_that_types_is_told_from_a_mouse(planted: Any) -> None:
    planted.write("sys/class/input/event3/device/name", "Sycreader RFID\n")
    planted.write("sys/class/input/event3/device/capabilities/key", "e080ffdf01cfffff fffffffffffffffe\n")
    planted.write("sys/class/input/event4/device/capabilities/key", "1f0000 0 0 0 0\n")
    planted.write("sys/class/input/mouse0/device/name", "mouse")
    planted.device("input/event3")
    planted.link("dev/input/by-id/usb-Sycreader-event-kbd", "../event3")
    (reader,) = keyboards(planted.machine, ADA)
    assert (reader.title, reader.steady) == ("Sycreader RFID", "/dev/input/by-id/usb-Sycreader-event-kbd")
    assert reader.rights is not None
    assert not reader.rights.usable


def test_pins_and_smart_card_readers_are_found(planted: Any) -> None:
    planted.device("gpiochip0")
    planted.write("sys/devices/usb1/1-2/idVendor", "072f\n")
    planted.write("sys/devices/usb1/1-2/idProduct", "2200\n")
    planted.write("sys/devices/usb1/1-2/product", "ACR122U\n")
    planted.write("sys/devices/usb1/1-2/1-2:1.0/bInterfaceClass", "0b\n")
    planted.link("sys/bus/usb/devices/1-2:1.0", "../../../devices/usb1/1-2/1-2:1.0")
    assert [chip.device for chip in gpio_chips(planted.machine, ADA)] == ["/dev/gpiochip0"]
    (slot,) = card_slots(planted.machine)
    assert (slot.device, slot.usb.id, slot.usb.product) == ("1-2", "072f:2200", "ACR122U")


@pytest.fixture
def full(planted: Any) -> Any:
    planted.usb_line("ttyUSB0", by_id="usb-FTDI_A50285BI-if00-port0")
    planted.device("gpiochip0")
    planted.device("input/event3")
    planted.write("sys/class/input/event3/device/capabilities/key", "fffffffffffffffe\n")
    return planted


def test_what_is_suggested_is_taken_by_the_settings(full: Any, tmp_path: Path) -> None:
    yaml = [yaml_for(plug) for plug in plugs(full.machine, ADA)]
    assert len(yaml) == 3
    file = tmp_path / "edge.yaml"
    file.write_text("devices:\n" + "\n".join(yaml) + "\n")
    with pytest.raises(BadSettings) as told:  # but for the driver, which nobody can know from a plug
        load(file, EdgeSettings, environ={})
    assert [mistake.steps[-1] for mistake in told.value.mistakes] == ["driver"]
    file.write_text(file.read_text().replace(UNKNOWN_DRIVER, "cardreader.rdm6300"))
    for device in load(file, EdgeSettings, environ={}).settings.devices:
        check_port(device.port)


@pytest.mark.parametrize("lang", ["en", "zh_CN"])
def test_each_plug_is_lines_for_a_person_and_an_object_for_a_program(full: Any, lang: str) -> None:
    for plug in plugs(full.machine, ADA):
        text = "\n".join(lines(plug, "", lang))
        assert "\x1b" not in text
        assert "/dev/" in text
        found = json.loads(json.dumps(as_json(plug, "card-1")))
        assert found["used_by"] == "card-1"
        assert found["kind"] in ("serial", "keyboard", "gpiochip")


def test_a_port_that_the_settings_use_is_told_with_its_device(full: Any) -> None:
    used = used_ports(
        {"card-1": "serial:///dev/serial/by-id/usb-FTDI_A50285BI-if00-port0?baud=9600"}, full.machine
    )
    assert used == {"/dev/ttyUSB0": "card-1"}
    assert steady_names(full.machine)["/dev/ttyUSB0"][0].startswith("/dev/serial/by-id/")


def test_only_files_of_devices_are_taken_out_of_urls() -> None:
    assert device_path("serial:///dev/ttyUSB0?baud=9600") == "/dev/ttyUSB0"
    assert device_path("evdev:///dev/input/event3") == "/dev/input/event3"
    assert device_path("file:recording.bin") == device_path("tcp://1.2.3.4:5") == device_path("sim:1") == ""


@pytest.mark.parametrize("words", [("ports",), ("ports", "--json", "--lang", "zh")])
def test_the_command_works_on_whatever_machine_this_is(edge: Any, tmp_path: Path, words: Any) -> None:
    done = edge(*words, "--config", str(tmp_path / "none.yaml"))
    assert (done.returncode, done.stderr) == (0, "")
    for line in done.stdout.splitlines() if "--json" in words else ():
        assert json.loads(line)["kind"]

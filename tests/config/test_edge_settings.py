"""The settings of a store's box."""

from __future__ import annotations

import pytest

from config.edge import DEVICES_MAX, EdgeSettings
from config.effective import changes, effective_yaml

DOOR = "devices:\n  - name: door\n    driver: counter.gate\n    port: sim:1\n"


def test_nothing_at_all_is_a_good_file(write, loaded):
    settings = loaded(write("edge.yaml", ""), EdgeSettings).settings
    assert (settings.web.port, settings.language, settings.devices) == (8480, "zh_CN", [])


@pytest.mark.usefixtures("drivers")
def test_a_device_has_the_options_of_its_driver(write, loaded):
    text = DOOR + "    options: {width_mm: 300}\n"
    [door] = loaded(write("edge.yaml", text), EdgeSettings).settings.devices
    assert type(door.options).__name__ == "GateOptions"
    assert door.options.width_mm == 300


@pytest.mark.usefixtures("drivers")
def test_a_wrong_option_is_told_in_its_place(write, mistakes):
    text = DOOR + "    options:\n      width_mm: wide\n      widht: 1\n"
    assert mistakes(write("edge.yaml", text), EdgeSettings) == [
        "edge.yaml:6:17: devices[0].options.width_mm: a whole number is wanted here",
        "edge.yaml:7:7: devices[0].options.widht: there is no setting 'widht' here; there are width_mm",
    ]


@pytest.mark.usefixtures("drivers")
def test_an_option_that_must_be_given_is_missed(write, mistakes):
    assert mistakes(write("edge.yaml", DOOR), EdgeSettings) == [
        "edge.yaml:2:5: devices[0].options.width_mm: 'width_mm' is missing; "
        "add 'width_mm: …' (Distance of the beams.)"
    ]


@pytest.mark.usefixtures("drivers")
def test_options_in_a_file_of_their_own_are_checked_there(write, mistakes):
    write("gate.yaml", "# the gate\nwidth_mm: 0\n")
    file = write("edge.yaml", DOOR + "    options: !include gate.yaml\n")
    assert mistakes(file, EdgeSettings) == [
        "gate.yaml:2:11: devices[0].options.width_mm: this must be 1 or more"
    ]


@pytest.mark.usefixtures("drivers")
def test_an_unknown_driver_is_told_with_its_neighbour_and_once(write, mistakes):
    text = DOOR.replace("counter.gate", "counter.gaet") + "    options: {bogus: 1}\n"
    assert mistakes(write("edge.yaml", text), EdgeSettings) == [
        "edge.yaml:3:13: devices[0].driver: there is no driver 'counter.gaet'; did you mean 'counter.gate'?"
    ]


def test_a_till_has_one_payment_terminal(write, mistakes):
    text = """\
devices:
  - {name: a, driver: pos.zvt, port: "tcp-listen://0.0.0.0:20007"}
  - {name: b, driver: pos.transbank, port: "serial:///dev/ttyUSB0", enabled: false}
  - {name: c, driver: pos.concert, port: "serial:///dev/ttyUSB1", till: "2"}
  - {name: d, driver: pos.zvt, port: "tcp-listen://0.0.0.0:20008", till: "2"}
"""
    (told,) = mistakes(write("edge.yaml", text), EdgeSettings)
    assert "devices[3].till: till '2' has the payment terminal devices[2] already" in told


@pytest.mark.usefixtures("drivers")
def test_names_and_serial_lines_are_given_once_beside_all_other_mistakes(write, mistakes):
    text = """\
devices:
  - {name: tap, driver: pos.tap, port: "serial:///dev/ttyUSB0?baud=9600"}
  - {name: tap, driver: pos.tap, port: "serial:///dev/ttyUSB0?baud=38400", tlil: "1"}
"""
    assert mistakes(write("edge.yaml", text), EdgeSettings) == [
        "edge.yaml:3:12: devices[1].name: the name 'tap' is taken by devices[0]; give each device its own",
        "edge.yaml:3:40: devices[1].port: this serial line is already taken by devices[0]; "
        "one line serves one device",
        "edge.yaml:3:76: devices[1].tlil: there is no setting 'tlil' here; did you mean 'till'?",
    ]


def test_a_camera_of_this_machine_is_looked_at_by_one_device(write, mistakes):
    text = """\
devices:
  - {name: a, driver: counter.camera, port: "camera:/dev/video0"}
  - {name: b, driver: counter.camera, port: "camera:/dev/video0"}
  - {name: c, driver: counter.camera, port: "camera:rtsp://host/one"}
  - {name: d, driver: counter.camera, port: "camera:rtsp://host/one"}
"""
    assert mistakes(write("edge.yaml", text), EdgeSettings) == [
        "edge.yaml:3:45: devices[1].port: this camera is already looked at by devices[0]; "
        "one device may have several lines and zones"
    ]


def test_a_camera_is_for_the_driver_that_looks_at_pictures_and_for_no_other(write, mistakes):
    text = """\
devices:
  - {name: a, driver: counter.camera, port: "serial:///dev/ttyUSB0"}
  - {name: b, driver: counter.beam, port: "camera:sim:4"}
  - {name: c, driver: counter.camera, port: "sim:1"}
"""
    assert mistakes(write("edge.yaml", text), EdgeSettings) == [
        "edge.yaml:2:45: devices[0].port: driver 'counter.camera' can do nothing with a port 'serial:'; "
        "there are camera, sim, file, replay, pty",
        "edge.yaml:3:43: devices[1].port: a camera wants the driver counter.camera",
    ]


def test_what_is_drawn_with_its_brackets_forgotten_is_told_once_at_its_place(write, mistakes):
    text = """\
devices:
  - name: a
    driver: counter.camera
    port: camera:/dev/video0
    options:
      persons: [0.4, 0.4, 0.1, 0.2]
      zones: {y: [[0, 0], [1.5, 0], [1, 1]]}
      lines: {by the door: {a: [0, 0.1], b: [1, 0.1], in: up}}
"""
    assert mistakes(write("edge.yaml", text), EdgeSettings) == [
        "edge.yaml:6:16: devices[0].options.persons: a box is [x, y, width, height], and stands in brackets"
        " of its own: [[x, y, width, height]]",
        "edge.yaml:7:28: devices[0].options.zones.y[1][0]: this must be 1.0 or less",
        "edge.yaml:8:15: devices[0].options.lines.by the door: a name has 1 to 40 characters, without spaces"
        " and : = ; ,",
    ]


def test_what_is_wrong_with_a_secret_address_is_told_without_the_address(write, mistakes):
    text = """\
devices:
  - {name: a, driver: counter.camera, port: !secret door}
  - {name: b, driver: counter.camera, port: !secret back}
  - {name: c, driver: counter.camera, port: !secret film}
"""
    write(
        "secrets.yaml",
        """\
door: camera:rtsp://door:ge#heim@host/one
back: camera:geheim
film: camera:file:/geheim.mp4?geheim=1
""",
        mode=0o600,
    )
    first, second, third = mistakes(write("edge.yaml", text), EdgeSettings)
    assert (
        "a password with #, /, ? or a blank in it is written with %23, %2F, %3F or %20 in their place"
        in first
    )
    assert "this is no camera" in second
    assert "this value is not right" in third
    assert "heim" not in first + second + third


def test_a_password_in_a_cameras_address_is_not_shown(write, loaded):
    text = 'devices:\n  - {name: a, driver: counter.camera, port: "camera:rtsp://door:p@ss@host/one"}\n'
    first = loaded(write("edge.yaml", text), EdgeSettings)
    second = loaded(write("other.yaml", text.replace("p@ss", "geheim")), EdgeSettings)
    shown = effective_yaml(first) + str(changes(first, second))
    assert "ss@" not in shown
    assert "geheim" not in shown
    assert "@host/one" in shown


@pytest.mark.usefixtures("drivers")
@pytest.mark.parametrize(
    ("port", "says"),
    [
        ("seriel:///dev/x", "did you mean 'serial'?"),
        ("/dev/ttyUSB0", "this is no port; for example serial:///dev/ttyUSB0"),
        ("bluetooth://x", "there are serial, tcp"),
    ],
)
def test_a_port_that_nobody_can_open_is_told(write, mistakes, port: str, says: str):
    [line] = mistakes(
        write("edge.yaml", DOOR.replace("sim:1", port) + "    options: {width_mm: 1}\n"), EdgeSettings
    )
    assert line.startswith("edge.yaml:4:11: devices[0].port: ")
    assert says in line


@pytest.mark.usefixtures("drivers")
def test_there_is_a_limit_to_devices(write, mistakes):
    rows = "".join(f"  - {{name: d{n}, driver: pos.tap, port: sim:{n}}}\n" for n in range(DEVICES_MAX + 1))
    assert mistakes(write("edge.yaml", "devices:\n" + rows), EdgeSettings) == [
        "edge.yaml:2:3: devices: this may have 64 items at most"
    ]


def test_a_certificate_needs_its_key(write, mistakes):
    assert mistakes(write("edge.yaml", "centre:\n  certificate: a.pem\n"), EdgeSettings) == [
        "edge.yaml:2:3: centre.key: a certificate and its key belong together; add 'key: …'"
    ]


def test_files_are_named_from_the_settings_folder(write, loaded, tmp_path):
    settings = loaded(write("edge.yaml", "centre: {ca: ca.pem}\nstate_dir: /var/x\n"), EdgeSettings).settings
    assert settings.centre.ca == tmp_path / "ca.pem"
    assert str(settings.state_dir) == "/var/x"


@pytest.mark.parametrize("url", ["crm.example.com", "mqtt://x", "https://", "https://me:pw@x"])
def test_a_centre_without_a_web_address_is_told(write, mistakes, url: str):
    [line] = mistakes(write("edge.yaml", f"centre: {{url: '{url}'}}\n"), EdgeSettings)
    assert line.startswith("edge.yaml:1:15: centre.url: ")


def test_a_driver_that_lacks_its_library_is_told(write, mistakes, monkeypatch):
    def driver(name: str) -> None:
        raise ImportError("No module named 'cv2'")

    monkeypatch.setattr("config.edge.driver", driver)
    assert mistakes(write("edge.yaml", DOOR), EdgeSettings) == [
        "edge.yaml:3:13: devices[0].driver: driver 'counter.gate' cannot be loaded: No module named 'cv2'"
    ]


@pytest.mark.usefixtures("drivers")
def test_a_wrong_value_that_came_by_secret_is_not_told(write, mistakes):
    write("secrets.yaml", "a: hunter2\nb: serial:///dev/x?hunter2=1\n", mode=0o600)
    text = """\
language: !secret a
currency: !secret a
centre: {url: !secret a}
devices:
  - {name: !secret a, driver: !secret a, port: !secret b}
  - {name: !secret a, driver: pos.tap, port: !secret b, options: {columns: !secret a, profile: [!secret a]}}
"""
    told = mistakes(write("edge.yaml", text), EdgeSettings)
    assert len(told) == 9
    assert "hunter2" not in "\n".join(told)


def test_a_time_zone_that_there_is_not_is_told_with_its_neighbour(write, mistakes):
    assert mistakes(write("edge.yaml", "timezone: Asia/Shangai\n"), EdgeSettings) == [
        "edge.yaml:1:11: timezone: there is no time zone 'Asia/Shangai'; did you mean 'Asia/Shanghai'?"
    ]

"""`tillbeam-edge doctor` as it is typed: on a box that works, and on boxes broken in many ways at once."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from edge_agent.field.doctor.command import CHECKS
from tests.edge_agent.field.doctoring import COMMAND
from tests.processes.house import House

NAMES = [check.name for check in CHECKS]
# What a machine for tests may lack without being the worse a box: systemd, NTP, a zone.
OF_THE_MACHINE = {"service", "clock", "timezone"}


def read(done: subprocess.CompletedProcess[str]) -> dict[str, list[dict[str, Any]]]:
    """The findings by check."""
    assert "Traceback" not in done.stderr
    found: dict[str, list[dict[str, Any]]] = {}
    for line in done.stdout.splitlines():
        said = json.loads(line)
        assert set(said) == {"check", "state", "says", "mend", "took_ms"}
        found.setdefault(said["check"], []).append(said)
    worst = max(("ok", "warn", "bad").index(each["state"]) for said in found.values() for each in said)
    assert done.returncode == worst
    return found


def states(found: dict[str, list[dict[str, Any]]], name: str) -> set[str]:
    return {each["state"] for each in found[name]}


@pytest.mark.slow
async def test_on_a_box_that_works_all_is_well_until_something_breaks(tmp_path: Path, edge: Any) -> None:
    house = House(tmp_path, devices="devices:\n  - {name: door, driver: counter.beam, port: 'sim:1'}\n")
    central = await house.enrolled()
    agent = house.edge()
    await house.edge_ready(agent)
    await house.status_is(lambda status: status["link"] == "online")
    words = ("doctor", "--json", "--config", str(house.edge_yaml))
    found = read(await asyncio.to_thread(edge, *words))
    assert [name for name in NAMES if name in found] == NAMES
    assert {name for name in found if states(found, name) != {"ok"}} <= OF_THE_MACHINE
    assert any("agrees with head office" in each["says"] for each in found["clock"])
    await house.status_is(
        lambda status: status["link"] == "online"
    )  # the doctor has sent nobody away for good

    await central.stop()
    await house.status_is(lambda status: status["link"] == "offline")
    found = read(await asyncio.to_thread(edge, *words))
    assert states(found, "broker") == {"bad"}
    assert states(found, "agent") == {"warn"}
    assert {"ok"} == states(found, "database") == states(found, "enrolled") == states(found, "settings")

    await agent.kill()
    for file in house.edge_db.parent.glob("edge.db*"):
        file.write_bytes(b"no longer a database" * 1000)
    house.edge_yaml.write_text(house.edge_yaml.read_text().replace("counter.beam", "counter.been"))
    found = read(await asyncio.to_thread(edge, *words))
    assert {"bad"} == states(found, "database") == states(found, "settings") == states(found, "broker")
    assert states(found, "enrolled") == {"ok"}  # for the state folder was read all the same
    assert states(found, "agent") == {"warn"}


BROKEN = {
    "no settings at all": None,
    "an empty file": "",
    "no YAML": "devices: [\n\x07",
    "a list": "- a\n",
    "devices of every wrong kind": """
devices:
  - {name: a, driver: cardreader.rdm6300, port: 'serial:///dev/ttyNONE'}
  - {name: b, driver: counter.beam, port: 'tcp://127.0.0.1:1'}
  - {name: c, driver: counter.beam, port: 'gpio:A=17,B=27'}
  - {name: d, driver: cardreader.pcsc, port: 'pcsc:any'}
  - {name: e, driver: no.such, port: 'sim:1'}
  - {port: 'sim:2'}
""",
    "a state folder that is a file": "state_dir: /etc/passwd\n",
    "a broker that is not there": "centre: {broker: 'mqtts://no-such-name.invalid', ca: /none.pem}\n",
    "a secret that nobody told": "centre: {url: !secret where}\n",
}


@pytest.mark.parametrize("broken", BROKEN)
def test_on_a_broken_box_every_check_says_its_part(broken: str, tmp_path: Path, edge: Any) -> None:
    path, text = tmp_path / "edge.yaml", BROKEN[broken]
    if text is not None:
        path.write_text(
            text if "state_dir" in text else f"state_dir: {tmp_path}\n{text}" if text[:1] != "-" else text
        )
    found = read(edge("doctor", "--json", "--config", str(path)))
    # Nothing can be said of an outbox, or of certificates, that are not there.
    assert {name for name in NAMES if name not in found} <= {"outbox", "certificates"}
    assert all(each["mend"] for said in found.values() for each in said if each["state"] == "bad")
    assert not [each for said in found.values() for each in said if "this check broke" in each["says"]]


def test_for_people_it_is_plain_lines_in_their_language(tmp_path: Path, edge: Any) -> None:
    config = str(tmp_path / "none.yaml")
    english = edge("doctor", "--config", config, "--only", "settings", "--only", "timezone")
    chinese = edge("doctor", "--config", config, "--only", "settings", "--lang", "zh")
    assert english.returncode == chinese.returncode == 2
    lines = english.stdout.splitlines()
    assert lines[0].startswith("BAD   settings")
    assert lines[1].strip().startswith("-> ")
    assert lines[-1].startswith("Something does not work")
    assert "\x1b" not in english.stdout + chinese.stdout
    assert chinese.stdout.splitlines()[0] != lines[0]


def test_a_check_that_does_not_exist_is_told_with_those_that_do(edge: Any) -> None:
    done = edge("doctor", "--only", "colour")
    assert (done.returncode, done.stdout) == (2, "")
    assert ", ".join(NAMES) in done.stderr


def test_a_pipe_that_closes_early_is_no_trouble(tmp_path: Path) -> None:
    words = f"{COMMAND} doctor --config {tmp_path}/none.yaml | head -1"
    done = subprocess.run(
        ["sh", "-c", words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    assert (done.stderr, done.stdout.count("\n")) == ("", 1)


@pytest.mark.parametrize("name", ["config", "drivers", "sync"])
def test_a_box_with_somebody_elses_package_says_whose_it_is(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("")
    env = {**os.environ, "LC_ALL": "C", "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [COMMAND, "doctor"], capture_output=True, text=True, timeout=60, check=False, env=env
    )
    assert done.returncode in (1, 2)
    assert f"{name} ({tmp_path / name})" in done.stderr
    assert "Traceback" not in done.stderr


AS_NOBODY = """
import os, sys
from pathlib import Path
from edge_agent.field.doctor.command import examine_box, look_around
look_around(Path(sys.argv[1]), {}, "en")  # loads what is only loaded when needed: Python may be root's own
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
only = ["disk", "database", "outbox", "enrolled", "broker"]
sys.exit(examine_box(Path(sys.argv[1]), only, as_json=True, lang="en"))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
def test_without_rights_it_says_what_it_may_not_see_and_how_to_see_it() -> None:
    with tempfile.TemporaryDirectory() as open_folder:  # pytest's own are closed to others
        folder = Path(open_folder)
        folder.chmod(0o755)
        state = folder / "state"
        state.mkdir(mode=0o700)
        for name in ("identity.json", "edge.db"):
            (state / name).write_text("secret")
        (folder / "edge.yaml").write_text(f"state_dir: {state}\n")
        words = [sys.executable, "-P", "-c", AS_NOBODY, str(folder / "edge.yaml")]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    found = read(done)
    for name in ("database", "enrolled", "broker"):
        (only,) = found[name]
        assert (only["state"], only["mend"]) == ("warn", "sudo tillbeam-edge doctor")
    assert states(found, "outbox") == {"warn"}
    assert not any("this check broke" in each["says"] for said in found.values() for each in said)

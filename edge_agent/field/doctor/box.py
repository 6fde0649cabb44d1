"""The box as the doctor finds it: settings as far as they can be read, who it is, whether its agent runs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from config.edge import EdgeSettings
from config.load import SECRETS_FILE, load
from config.mistakes import BadSettings
from config.sources import Sources
from edge_agent.app import DATABASE_NAME
from edge_agent.errors import IdentityError
from edge_agent.field.holders import lockers_of
from edge_agent.field.machine import Machine, Who, account, ourselves
from edge_agent.field.port_list import used_ports
from edge_agent.identity import FILE_NAME, Identity, read_identity
from edge_agent.serving import LOCK_NAME
from sync.clock import SystemClock
from sync.contract.clock import Clock

SERVICE = "tillbeam-edge"
SERVICE_USER = "tillbeam"
AS_ROOT = "sudo tillbeam-edge doctor"  # the state folder is the agent's alone
COMMAND_MAX_S = 5.0
_REPAIRS_MAX = 100  # mistakes in one file that are cut out; a store's box has 64 devices at most


class Said(NamedTuple):
    """What another program answered."""

    status: int  # 127: there is no such program
    text: str


Run = Callable[[Sequence[str]], Said]


@dataclass(frozen=True, kw_only=True)
class Box:
    """What the checks look at."""

    settings_path: Path
    settings: EdgeSettings  # what is right of them
    refused: BadSettings | None = None  # what is wrong with them
    identity: Identity | None = None
    identity_error: Exception | None = None
    agent_pid: int = 0  # 0: no agent runs with this state folder, as far as we can see
    who: Who = field(default_factory=ourselves)  # whom the devices have to let in
    machine: Machine = field(default_factory=Machine)
    clock: Clock = field(default_factory=SystemClock)
    run: Run = lambda words: run_command(words)
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def boot(self) -> str:
        """This run of the machine, as the agent names it."""
        return self.machine.text("/proc/sys/kernel/random/boot_id").replace("-", "")[:8]

    @property
    def denied(self) -> bool:
        """Whether who this box is may only be read by somebody else than us."""
        return self.identity_error is not None and isinstance(self.identity_error.__cause__, PermissionError)

    @property
    def database(self) -> Path:
        return self.settings.state_dir / DATABASE_NAME


def look_around(path: Path, environ: Mapping[str, str], lang: str, machine: Machine | None = None) -> Box:
    """The box whose settings are at `path`. Never raises for what is broken about it."""
    machine = machine or Machine()
    settings, refused = read_settings(path, environ, lang)
    identity, identity_error = None, None
    try:
        identity = read_identity(settings.state_dir / FILE_NAME)
    except (IdentityError, OSError) as error:
        identity_error = error
    pid = agents_process(machine, settings.state_dir)
    return Box(
        settings_path=path,
        settings=settings,
        refused=refused,
        identity=identity,
        identity_error=identity_error,
        agent_pid=pid,
        who=agents_user(machine, pid),
        machine=machine,
        environ=environ,
    )


def read_settings(
    path: Path, environ: Mapping[str, str], lang: str
) -> tuple[EdgeSettings, BadSettings | None]:
    """The settings, or what is right of them and what is wrong. A file that is not there has all defaults."""
    try:
        return load(path, EdgeSettings, lang, environ=environ).settings, None
    except BadSettings as error:
        values = Sources(path, environ, path.with_name(SECRETS_FILE)).read()
        return _repaired(values, path), error


def ports_in_use(path: Path, machine: Machine, environ: Mapping[str, str]) -> dict[str, str]:
    """Which device file is whose in the settings: ``{"/dev/ttyUSB0": "card-1"}``."""
    settings, _refused = read_settings(path, environ, "en")
    return used_ports({device.name: device.port for device in settings.devices}, machine)


def agents_process(machine: Machine, state_dir: Path) -> int:
    """The agent's process: who locked the state folder or, if we may not look, as systemd says; 0: none."""
    lockers = lockers_of(machine, str(state_dir.absolute() / LOCK_NAME))
    if lockers:
        return lockers[0]
    said = run_command(["systemctl", "show", SERVICE, "--property=MainPID", "--value"]).text
    return int(said) if said.isdecimal() else 0


def agents_user(machine: Machine, pid: int) -> Who:
    """Whom devices have to let in: the running agent's user with its groups, or the service's, or ours."""
    if pid and (running := machine.user(pid)):
        return running
    groups = run_command(["systemctl", "show", SERVICE, "--property=SupplementaryGroups", "--value"])
    return account(SERVICE_USER, groups.text.split() or ["dialout"]) or ourselves()


def run_command(words: Sequence[str]) -> Said:
    """Another program's answer, in English, within COMMAND_MAX_S."""
    try:
        done = subprocess.run(  # noqa: S603  our own words, no shell
            words,
            capture_output=True,
            timeout=COMMAND_MAX_S,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return Said(127, "")
    return Said(done.returncode, done.stdout.decode("utf-8", "replace").strip())


def _repaired(values: dict[str, Any], path: Path) -> EdgeSettings:
    """The settings without what is wrong: one misspelt device must not hide where the disk and broker are."""
    for _round in range(_REPAIRS_MAX):
        try:
            return EdgeSettings.model_validate(values, context={"folder": path.parent})
        except ValidationError as error:
            # From the end, so that places in lists stay true.
            for place in sorted({_culprit(wrong["loc"]) for wrong in error.errors()}, key=repr, reverse=True):
                _cut_out(values, place)
    return EdgeSettings()


def _culprit(loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """What has to go: of a device all, of the rest only the one setting."""
    return loc[:2] if loc[0] == "devices" else loc


def _cut_out(values: Any, place: Sequence[int | str]) -> None:
    """Removes what stands at `place`, or the nearest group above that is there."""
    *above, last = place
    for depth, step in enumerate(above):
        try:
            below = values[step]
        except (KeyError, IndexError, TypeError):
            below = None
        if not isinstance(below, dict | list):
            last = above[depth]
            break
        values = below
    if isinstance(values, dict):
        values.pop(last, None)
    elif isinstance(values, list) and isinstance(last, int) and last < len(values):
        del values[last]

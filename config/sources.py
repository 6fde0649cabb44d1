"""Where values come from: the settings file, and what its tags fetch.

    !secret name            from secrets.yaml beside the settings file, which only its owner may read
    !include path           another file under the settings' folder
    !env NAME [default]     the environment; the default may hold spaces
    !env "text ${NAME} …"   a text with parts from the environment; ${NAME:-default} gives a default

Reads files and nothing else.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping as Environ
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.mistakes import Mistake, Place, Steps, _, nearest
from config.syntax import line_and_column, unprintable
from config.yaml_tree import Broken, Mapping, Node, Scalar, Sequence, parse, scalar_value

FILE_MAX_BYTES = 256 * 1024  # the largest store we know fits in a tenth; more is a wrong file
FILES_MAX = 64  # one for each device
ALL_FILES_MAX_BYTES = 1024 * 1024
INCLUDE_DEPTH_MAX = 8
TAGS = ("!secret", "!include", "!env")

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_IN_TEXT = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


@dataclass(slots=True)
class Spot:
    """Where a setting's name and its value stand; a list's items and the root have no name."""

    value: Place
    key: Place | None = None


@dataclass(slots=True)
class Sources:
    """Reads one settings file with all that it refers to, collecting every mistake on the way."""

    root: Path
    environ: Environ[str, str]
    secrets_path: Path
    instead: Environ[Path, bytes] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    contents: dict[Path, bytes] = field(default_factory=dict)
    spots: dict[Steps, Spot] = field(default_factory=dict)
    secret_steps: set[Steps] = field(default_factory=set)
    broken_steps: set[Steps] = field(default_factory=set)
    unreadable: bool = False  # the settings file itself could not even be opened
    _secrets: Node | None = None
    _bytes_left: int = ALL_FILES_MAX_BYTES

    def read(self) -> dict[str, Any]:
        """The plain values. What could not be read is left out and stands in `broken_steps`."""
        top = Place(self.root, 1, 1)
        node = self._file(self.root, (), asked_at=None)
        self.spots[()] = Spot(top)
        if isinstance(node, Mapping):
            value: dict[str, Any] = self._value(node, (), (self.root,))
            return value
        if not isinstance(node, Broken):
            self._report(node.place, (), _("settings are written as 'name: value'"))
        self.broken_steps.add(())
        return {}

    @property
    def files(self) -> list[Path]:
        """Every file that was read, the settings file first."""
        return list(self.contents)

    # Nodes to values

    def _value(self, node: Node, steps: Steps, within: tuple[Path, ...]) -> Any:
        self.spots.setdefault(steps, Spot(node.place)).value = node.place
        match node:
            case Broken():
                self.broken_steps.add(steps)
                return None
            case Mapping():
                return self._mapping(node, steps, within)
            case Sequence():
                return [self._value(item, (*steps, index), within) for index, item in enumerate(node.items)]
            case Scalar(tag=""):
                return scalar_value(node)
            case Scalar(tag="!secret"):
                return self._secret(node, steps)
            case Scalar(tag="!include"):
                return self._included(node, steps, within)
            case Scalar(tag="!env"):
                return self._environment(node, steps)
        meant = nearest(node.tag, TAGS)
        hint = _("did you mean '{meant}'?") if meant else _("there are !secret, !include and !env")
        return self._broken(node, steps, _("there is no tag {tag}"), hint, tag=node.tag, meant=meant)

    def _mapping(self, node: Mapping, steps: Steps, within: tuple[Path, ...]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, entry in node.entries.items():
            below = (*steps, name)
            self.spots[below] = Spot(entry.value.place, entry.key)
            # A heading under which everything is commented out is as if it were not there.
            if entry.value != Scalar(entry.value.place, "", plain=True):
                values[name] = self._value(entry.value, below, within)
        return values

    # Tags

    def _secret(self, node: Scalar, steps: Steps) -> Any:
        self.secret_steps.add(steps)
        if self._secrets is None:
            self._secrets = self._secrets_file(asked_at=node.place, steps=steps)
        if not isinstance(self._secrets, Mapping):
            self.broken_steps.add(steps)
            return None
        entry = self._secrets.entries.get(node.text)
        if entry and isinstance(entry.value, Scalar) and not entry.value.tag:
            return entry.value.text
        meant = nearest(node.text, self._secrets.entries)
        return self._broken(
            node,
            steps,
            _("there is no secret '{name}' in {file}")
            if entry is None
            else _("secret '{name}' in {file} is no text"),
            _("did you mean '{meant}'?")
            if meant and meant != node.text
            else _("add a line '{name}: …' there"),
            name=node.text,
            file=self.secrets_path,
            meant=meant,
        )

    def _secrets_file(self, *, asked_at: Place, steps: Steps) -> Node:
        try:
            mode = self.secrets_path.stat().st_mode
        except OSError:
            mode = 0o600  # reading it says what is wrong
        if stat.S_IMODE(mode) & 0o077:
            self._report(
                Place(self.secrets_path, 1, 1),
                (),
                _("others may read this file of secrets (mode {mode})"),
                _("chmod 600 {file}"),
                mode=f"{stat.S_IMODE(mode):04o}",
                file=self.secrets_path,
            )
        node = self._file(self.secrets_path, (), asked_at=(asked_at, steps))
        if not isinstance(node, Mapping | Broken):
            self._report(node.place, (), _("secrets are written as 'name: value'"))
        return node

    def _included(self, node: Scalar, steps: Steps, within: tuple[Path, ...]) -> Any:
        folder = self.root.parent
        file = within[-1].parent / node.text
        if not node.text or Path(node.text).is_absolute() or not _inside(folder, file):
            says = _("'{name}' does not stand in the settings' folder")
            return self._broken(
                node, steps, says, _("give a path below {folder}"), name=node.text, folder=folder
            )
        if any(_same(file, outer) for outer in within):
            return self._broken(node, steps, _("'{name}' includes itself"), name=node.text)
        if len(within) > INCLUDE_DEPTH_MAX:
            return self._broken(
                node, steps, _("includes are nested deeper than {most}"), most=INCLUDE_DEPTH_MAX
            )
        if len(self.files) >= FILES_MAX:
            return self._broken(node, steps, _("more than {most} files are included"), most=FILES_MAX)
        return self._value(self._file(file, steps, asked_at=(node.place, steps)), steps, (*within, file))

    def _environment(self, node: Scalar, steps: Steps) -> Any:
        if "${" in node.text:
            missing = [
                m[1] for m in _IN_TEXT.finditer(node.text) if m[2] is None and m[1] not in self.environ
            ]
            if missing:
                return self._no_variable(node, steps, missing[0])
            return _IN_TEXT.sub(lambda found: self.environ.get(found[1], found[2] or ""), node.text)
        name, space, default = node.text.partition(" ")
        if not _NAME.fullmatch(name):
            return self._broken(node, steps, _("'{name}' cannot be an environment variable"), name=name)
        if name in self.environ:
            return self.environ[name]
        return default.strip() if space else self._no_variable(node, steps, name)

    def _no_variable(self, node: Scalar, steps: Steps, name: str) -> None:
        says = _("the environment variable '{name}' is not set")
        meant = nearest(name, self.environ)
        hint = _("did you mean '{meant}'?") if meant else _("set it, or give a default: !env {name} default")
        return self._broken(node, steps, says, hint, name=name, meant=meant)

    # Files

    def _file(self, file: Path, steps: Steps, *, asked_at: tuple[Place, Steps] | None) -> Node:
        """The tree of a file. What keeps it from being opened is reported where it is asked for."""
        place, at = asked_at or (Place(file, 1, 1), ())
        try:
            if not file.is_file():  # a pipe would wait for ever
                raise FileNotFoundError
            content = self.instead.get(file)
            if content is None:
                with file.open("rb") as opened:
                    content = opened.read(FILE_MAX_BYTES + 1)
        except OSError as error:
            self.unreadable |= asked_at is None
            missing = isinstance(error, FileNotFoundError)
            says = _("there is no file {file}") if missing else _("{file} cannot be read: {reason}")
            hint = self._neighbour(file) if missing else ""
            meant = _("did you mean '{meant}'?") if hint else ""
            self._report(place, at, says, meant, file=file, reason=error.strerror or "?", meant=hint)
            return Broken(place)
        self.contents[file] = content
        self._bytes_left -= len(content)
        start = Place(file, 1, 1)
        if len(content) > FILE_MAX_BYTES:
            says, most = _("the file is larger than {most} KiB"), FILE_MAX_BYTES
        elif self._bytes_left < 0:
            says, most = _("all files together are larger than {most} KiB"), ALL_FILES_MAX_BYTES
        else:
            return self._parsed(content, file, steps)
        self._report(start, (), says, _("is it the right file?"), most=most // 1024)
        return Broken(start)

    def _parsed(self, content: bytes, file: Path, steps: Steps) -> Node:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            before = content[: error.start].decode("utf-8-sig")
            place = Place(file, *line_and_column(before, len(before)))
            self._report(place, (), _("this is not UTF-8"), _("save the file as UTF-8 in your editor"))
            return Broken(place)
        if mistake := unprintable(text, file):
            self.mistakes.append(mistake)
            return Broken(mistake.place)
        return parse(text, file, self.mistakes.append, steps)

    def _neighbour(self, file: Path) -> str:
        try:
            others = {
                other.stem: other.name for other in file.parent.iterdir() if other.suffix == file.suffix
            }
        except OSError:
            return ""
        return others.get(nearest(file.stem, others), "")

    # Reports

    def _report(self, place: Place, steps: Steps, says: str, hint: str = "", **args: object) -> None:
        self.mistakes.append(Mistake(place, steps, says, hint, args))

    def _broken(self, node: Scalar, steps: Steps, says: str, hint: str = "", **args: object) -> None:
        self._report(node.place, steps, says, hint, **args)
        self.broken_steps.add(steps)


def _inside(folder: Path, file: Path) -> bool:
    return file.resolve().is_relative_to(folder.resolve())


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()

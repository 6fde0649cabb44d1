"""What somebody drew on a page, written back into the settings file by hand's own rules.

    read ──► Standing(options, revision) ──► the page ──► write(changes, revision) ──► file, file.before-…

The options of one device are put into the file where that device really stands, an included one too, with
everything else kept to the character (`config.splice`). Before a byte is replaced, the whole of the settings
is checked as it would be, and must differ from what stands there in these options alone. The file is replaced
in one step, with its rights. Blocking: call it in a thread.

    edge.yaml            D ◄─ what stands there
    edge.yaml.before-#D  C ◄─ each version before lies beside it, named for what replaced it: a chain of at
    edge.yaml.before-#C  B    most SAVES_KEPT, that ends where somebody else wrote into the file

The last save of a device is undone, step by step, whatever was saved for others since: those saves are done
again without it.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import stat
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from config.edge import DeviceSettings, EdgeSettings
from config.load import Loaded, load
from config.mistakes import ConfigError, Steps
from config.splice import NoPlace, put

BOM = b"\xef\xbb\xbf"
END = "\0\n"  # no settings hold that character
DIGEST_CHARS = 16
SAVES_KEPT = 20  # of one file; an older one can no longer be undone

Reason = Literal["changed", "device", "scattered", "shared", "shape", "rights", "disk", "nothing"]


class NotWritten(ConfigError):
    """The file stands as it was.

    changed    it is not what the page had read          scattered  the options stand in several files
    device     there is no such device any more          shared     another device's settings would change too
    shape      it cannot be written by a program         rights     the new file could not have its rights
    disk       it could not be written: `detail`         nothing    there is nothing to undo
    """

    def __init__(self, reason: Reason, detail: str = "") -> None:
        self.reason, self.detail = reason, detail
        super().__init__(f"{reason}: {detail}" if detail else reason)


@dataclass(frozen=True)
class Standing:
    """A device as the files on the disk have it now."""

    device: DeviceSettings
    file: Path  # where its options stand
    revision: str  # of every file that says something of it
    undo: bool  # whether a save of these options is kept; that it can be taken back `undo` finds out


class WriteBack:
    """Writes options of single devices back into one settings file and what it includes."""

    def __init__(self, path: Path, *, environ: Mapping[str, str], secrets_path: Path | None = None) -> None:
        self._path, self._environ, self._secrets_path = path, environ, secrets_path

    def read(self, name: str, lang: str = "en") -> Standing:
        """Raises NotWritten (device), BadSettings when the files have mistakes."""
        loaded = self._load(lang)
        index = _index(loaded, name)
        file = _file_of(loaded, index)
        return Standing(
            loaded.settings.devices[index],
            file,
            _revision(loaded, index),
            _is_kept(loaded, index),
        )

    def write(self, name: str, changes: Mapping[str, Any], *, revision: str, lang: str = "en") -> Path:
        """Puts plain values for some options of a device into their file, and tells which that was.

        Raises NotWritten, and BadSettings when the settings would have mistakes.
        """
        loaded = self._load(lang)
        index = _index(loaded, name)
        if _revision(loaded, index) != revision:
            raise NotWritten("changed")
        texts: dict[Path, str] = {}
        for option, new in changes.items():
            way = _way(index, option)
            file = _place(loaded, way)
            old = _at(loaded.tree, way)
            if old == new or (old is None and not new):
                continue
            text = texts.get(file) or loaded.contents[file].decode("utf-8-sig")
            try:
                texts[file] = put(text, way[len(_root(loaded, way, file)) :], old, new)
            except (NoPlace, ValueError, StopIteration) as error:
                raise NotWritten("shape", str(error)) from error
        if not texts:
            return _file_of(loaded, index)
        if len(texts) > 1:
            raise NotWritten("scattered", ", ".join(file.name for file in texts))
        [(file, text)] = texts.items()
        mark = BOM if loaded.contents[file].startswith(BOM) else b""
        content = mark + text.encode()
        after = self._load(lang, {file: content})
        if _without(after, index, changes) != _without(loaded, index, changes):
            raise NotWritten("shared", file.name)
        if any((_at(after.tree, _way(index, one)) or []) != (new or []) for one, new in changes.items()):
            raise NotWritten("shape", file.name)
        _put_down(file, [content, loaded.contents[file]], loaded.contents[file])
        return file

    def undo(self, name: str, *, revision: str, lang: str = "en") -> Path:
        """Takes the last `write` of this device back. Raises NotWritten, BadSettings."""
        loaded = self._load(lang)
        index = _index(loaded, name)
        if _revision(loaded, index) != revision:
            raise NotWritten("changed")
        found = self._before(loaded, index, lang)
        if found is None:
            raise NotWritten("nothing")
        file, [*others, save, before] = found
        versions = [before.contents[file]]
        for newer, older in reversed(list(pairwise([*others, save]))):
            versions.insert(0, self._saved_again(versions[0], older, newer, file, lang))
        after = self._load(lang, {file: versions[0]})
        every = type(loaded.settings.devices[index].options).model_fields
        if _without(after, index, every) != _without(loaded, index, every):
            raise NotWritten("shape", file.name)
        _put_down(file, versions, loaded.contents[file], undone=save.contents[file])
        return file

    def _before(
        self, loaded: Loaded[EdgeSettings], index: int, lang: str
    ) -> tuple[Path, list[Loaded[EdgeSettings]]] | None:
        """The file and its versions back to the one before the last save of that device, the newest first."""
        way, name = _way(index), loaded.settings.devices[index].name
        for file in dict.fromkeys(_places(loaded, index)):
            versions = [loaded]
            for _, content in _history(file, loaded.contents[file]):
                try:
                    versions.append(self._load(lang, {file: content}))
                    if _index(versions[-1], name) != index:
                        break
                except ConfigError:
                    break  # another file that this one includes was changed since
                if _at(versions[-1].tree, way) != _at(loaded.tree, way):
                    return file, versions
        return None

    def _saved_again(
        self, content: bytes, older: Loaded[EdgeSettings], newer: Loaded[EdgeSettings], file: Path, lang: str
    ) -> bytes:
        """`content` with the save that made one version of the other. Raises NotWritten."""
        text = content.decode("utf-8-sig")
        try:
            for index in range(len(newer.settings.devices)):
                old, new = (_at(each.tree, _way(index)) or {} for each in (older, newer))
                for option in [name for name in new if new[name] != old.get(name)]:
                    way = _way(index, option)
                    text = put(text, way[len(_root(newer, way, file)) :], old.get(option), new[option])
            content = (BOM if content.startswith(BOM) else b"") + text.encode()
            self._load(lang, {file: content})
        except (ConfigError, ValueError, StopIteration) as error:
            raise NotWritten("shape", str(error)) from error
        return content

    def _load(self, lang: str, instead: Mapping[Path, bytes] | None = None) -> Loaded[EdgeSettings]:
        return load(
            self._path,
            EdgeSettings,
            lang,
            environ=self._environ,
            secrets_path=self._secrets_path,
            instead=instead,
        )


# Where things stand


def _index(loaded: Loaded[EdgeSettings], name: str) -> int:
    for index, device in enumerate(loaded.settings.devices):
        if device.name == name:
            return index
    raise NotWritten("device", name)


def _way(index: int, option: str = "") -> Steps:
    way: Steps = ("devices", index, "options")
    return (*way, option) if option else way


def _place(loaded: Loaded[EdgeSettings], way: Steps) -> Path:
    """The file where the value at `way` stands; where it would be added, when it is not there."""
    there = next(way[:n] for n in range(len(way), -1, -1) if way[:n] in loaded.places)
    return loaded.places[there].file


def _root(loaded: Loaded[EdgeSettings], way: Steps, file: Path) -> Steps:
    """The way to what `file` says as a whole."""
    return next(
        way[:n]
        for n in range(len(way) + 1)
        if way[:n] in loaded.places and loaded.places[way[:n]].file == file
    )


def _places(loaded: Loaded[EdgeSettings], index: int) -> list[Path]:
    """The files that say something of a device's options, the one where they begin first."""
    below = [
        place.file for steps, place in sorted(loaded.places.items(), key=str) if steps[:3] == _way(index)
    ]
    return [_place(loaded, _way(index)), *below]


def _file_of(loaded: Loaded[EdgeSettings], index: int) -> Path:
    return _places(loaded, index)[0]


def _revision(loaded: Loaded[EdgeSettings], index: int) -> str:
    digest = sha256()
    for file in sorted(set(_places(loaded, index))):
        digest.update(sha256(loaded.contents[file]).digest())
    return digest.hexdigest()[: 2 * DIGEST_CHARS]


def _is_kept(loaded: Loaded[EdgeSettings], index: int) -> bool:
    """Whether a save of that device is among the versions kept, told from their texts alone.

    A page asks this each time it is opened, and reading twenty versions as settings takes a second.
    """
    for file in dict.fromkeys(_places(loaded, index)):
        says = _said_of(loaded, index, file)
        for _, content in _history(file, loaded.contents[file]):
            if says not in _whole(content):
                return True
    return False


def _said_of(loaded: Loaded[EdgeSettings], index: int, file: Path) -> str:
    """The piece of `file` that a save of this device can change, and no save of another."""
    text = _whole(loaded.contents[file])
    places = [loaded.places["devices", each] for each in range(len(loaded.settings.devices))]
    if places[index].file != file:
        return text  # it holds options of this one alone, or they would not have been written
    lines = list(io.StringIO(text, newline=""))  # the first is the mark put before the file's own
    here = [place for place in places[index:] if place.file == file]
    begin, *ends = [sum(map(len, lines[: at.line])) + at.column - 1 for at in here[:2]]
    return text[begin : ends[0] if ends else len(text)]


def _whole(content: bytes) -> str:
    """A file's text between two marks, so that a piece at its end is not found where more follows."""
    return END + content.decode("utf-8-sig", "replace") + END


def _at(tree: Any, way: Steps) -> Any:
    for step in way:
        try:
            tree = tree[step]
        except (KeyError, IndexError, TypeError):
            return None
    return tree


def _without(loaded: Loaded[EdgeSettings], index: int, options: Mapping[str, Any]) -> dict[str, Any]:
    """All that is said but those options of that device."""
    device = dict(loaded.tree["devices"][index])
    left = {name: value for name, value in (device.pop("options", None) or {}).items() if name not in options}
    devices = list(loaded.tree["devices"])
    devices[index] = {**device, "options": left}
    return {**loaded.tree, "devices": devices}


# On the disk


def _before_path(file: Path, content: bytes) -> Path:
    """Where the version before `content` is kept."""
    return file.with_name(f"{file.name}.before-{sha256(content).hexdigest()[:DIGEST_CHARS]}")


def _history(file: Path, content: bytes) -> Iterator[tuple[Path, bytes]]:
    """Where the versions before `content` are kept, and what they are, the newest first."""
    found: set[Path] = set()
    while len(found) < SAVES_KEPT and (kept := _before_path(file, content)) not in found:
        try:
            content = kept.read_bytes()
        except OSError:
            return
        found.add(kept)
        yield kept, content


def _put_down(file: Path, versions: list[bytes], there: bytes, *, undone: bytes = b"") -> None:
    """Replaces `file`, which holds `there`, by the first of `versions`; the one before each comes after it.

    Of the versions beside the file only that chain is left. Raises NotWritten.
    """
    with _disk_trouble():
        if undone:
            _before_path(file, undone).unlink(missing_ok=True)
        for content, before in pairwise(versions):
            _replace(_before_path(file, content), before, like=file)
        _replace(file.resolve(), versions[0], like=file, only_if=there)
        chain = {kept for kept, _ in _history(file, versions[0])}
        for older in _befores(file):
            if older not in chain:
                older.unlink()


def _befores(file: Path) -> list[Path]:
    """Every version beside `file`; what somebody else has named nearly so is theirs."""
    named = re.compile(rf"{re.escape(file.name)}\.before-[0-9a-f]{{{DIGEST_CHARS}}}")
    return [other for other in file.parent.iterdir() if named.fullmatch(other.name)]


@contextlib.contextmanager
def _disk_trouble() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NotWritten("disk", f"{error.filename or ''}: {error.strerror or error}") from error


def _replace(target: Path, content: bytes, *, like: Path, only_if: bytes | None = None) -> None:
    """Puts `content` at `target` in one step, with the rights of `like`. Raises NotWritten, OSError.

    With `only_if`, nothing is replaced when the target holds anything else by now.
    """
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            _same_rights(file.fileno(), like)
            file.flush()
            os.fsync(file.fileno())
        if only_if is not None and target.read_bytes() != only_if:
            raise NotWritten("changed")
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _same_rights(handle: int, like: Path) -> None:
    """Mode, group, access list; the owner where we may (root). Raises NotWritten when one cannot be had."""
    wanted = like.stat()
    with contextlib.suppress(PermissionError):
        os.fchown(handle, wanted.st_uid, -1)
    try:
        if os.fstat(handle).st_gid != wanted.st_gid:
            os.fchown(handle, -1, wanted.st_gid)
        for name in os.listxattr(like):
            if not name.startswith("security."):  # the system's own labels
                os.setxattr(handle, name, os.getxattr(like, name))
        os.fchmod(handle, stat.S_IMODE(wanted.st_mode))
    except OSError as error:
        raise NotWritten("rights", f"{like}: {error.strerror}") from error

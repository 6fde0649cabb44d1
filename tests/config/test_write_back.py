"""What was drawn on a page, in the settings files of a store."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from config.load import load
from config.mistakes import BadSettings
from config.write_back import SAVES_KEPT, NotWritten, WriteBack

LINE = {"a": [0.1, 0.5], "b": [0.9, 0.5], "in": "down"}
DRAWN: dict[str, Any] = {"lines": {"正门": LINE}, "zones": {}, "masks": [], "persons": [[0.4, 0.2, 0.1, 0.3]]}
SHOP = """\
# 杭州店, corner of the mall
devices:
  - name: reader # at the till
    driver: cardreader.rdm6300
    port: tcp://10.0.0.5:4001
  - name: door
    driver: counter.camera
    port: sim:42   # until the real one is there
    options:
      anchor: 'foot'   # looks from the side

      lines: # in is down
        old: {a: [0, 0.5], b: [1, 0.5], in: up}  # wrong way round
  - name: back
    driver: counter.camera
    port: sim:43

outbox: {keep_days: 7}  # a week
"""


@pytest.fixture
def shop(write: Any) -> Path:
    file: Path = write("edge.yaml", SHOP, mode=0o640)
    return file


def book(file: Path, **environ: str) -> WriteBack:
    return WriteBack(file, environ=environ)


def beside(file: Path) -> list[str]:
    return [other.name for other in file.parent.iterdir()]


def test_a_drawing_is_in_the_file_and_every_other_line_is_as_it_was(shop: Path) -> None:
    writer = book(shop)
    stands = writer.read("door")
    assert writer.write("door", DRAWN, revision=stands.revision) == shop
    before, after = SHOP.splitlines(), shop.read_text().splitlines()
    assert [line for line in before if line not in after] == [
        "        old: {a: [0, 0.5], b: [1, 0.5], in: up}  # wrong way round"
    ]
    assert [line for line in after if line not in before] == [
        "        正门: {a: [0.1, 0.5], b: [0.9, 0.5], in: down}",
        "      persons:",
        "        - [0.4, 0.2, 0.1, 0.3]",
    ]
    options: Any = writer.read("door").device.options
    assert options.lines["正门"].inward == "down"


def test_the_last_change_is_taken_back_to_the_byte_and_only_once(shop: Path) -> None:
    writer = book(shop)
    assert not writer.read("door").undo
    writer.write("door", DRAWN, revision=writer.read("door").revision)
    assert writer.read("door").undo
    assert not writer.read("back").undo  # it was another camera's
    writer.undo("door", revision=writer.read("door").revision)
    assert shop.read_text() == SHOP
    assert beside(shop) == ["edge.yaml"]
    with pytest.raises(NotWritten, match="nothing"):
        writer.undo("door", revision=writer.read("door").revision)


def test_what_somebody_wrote_since_is_never_taken_back(shop: Path) -> None:
    writer = book(shop)
    writer.write("door", DRAWN, revision=writer.read("door").revision)
    shop.write_text(shop.read_text().replace("keep_days: 7", "keep_days: 9"))
    assert not writer.read("door").undo


def save(writer: WriteBack, name: str, x: float, **more: Any) -> None:
    drawn = {"lines": {"x": LINE | {"a": [x, 0.5]}}, **more}
    writer.write(name, drawn, revision=writer.read(name).revision)


def undo(writer: WriteBack, name: str) -> None:
    writer.undo(name, revision=writer.read(name).revision)


def left(writer: WriteBack, name: str) -> float | None:
    """Where the left end of the drawn line is."""
    options: Any = writer.read(name).device.options
    return options.lines["x"].a.x if "x" in options.lines else None


def test_saves_are_taken_back_one_after_the_other_to_the_first(shop: Path) -> None:
    writer = book(shop)
    for x in (0.2, 0.3, 0.4):
        save(writer, "door", x)
    for before in (0.3, 0.2, None):
        undo(writer, "door")
        assert left(writer, "door") == before
    assert shop.read_text() == SHOP
    assert beside(shop) == ["edge.yaml"]


def test_a_page_is_opened_without_reading_the_versions_before_as_settings(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, loaded = book(shop), list[Path]()
    for x in (0.2, 0.3, 0.4):
        save(writer, "door", x)

    def counted(path: Path, *given: Any, **more: Any) -> Any:
        loaded.append(path)
        return load(path, *given, **more)

    monkeypatch.setattr("config.write_back.load", counted)
    assert writer.read("door").undo
    assert not writer.read("back").undo
    assert loaded == [shop, shop]  # what stands there now, once for each


def test_a_version_before_that_is_no_settings_is_found_out_when_it_is_taken_back(shop: Path) -> None:
    writer = book(shop)
    save(writer, "door", 0.2)
    [kept] = [other for other in shop.parent.iterdir() if other != shop]
    kept.write_bytes(b"devices: [\xff")
    stands = writer.read("door")
    with pytest.raises(NotWritten, match="nothing"):
        writer.undo("door", revision=stands.revision)
    assert left(writer, "door") == 0.2


BLOCK = """\
  - name: NAME
    driver: counter.camera
    port: sim:1
    options:
      persons:
        - PERSON
        - PERSON
"""
ONE_LINE = "{name: NAME, driver: counter.camera, port: 'sim:1', options: {persons: [PERSON, PERSON]}}"
FORMS = {
    "blocks": "devices:\n{0}{1}{2}outbox: {{keep_days: 7}}\n",
    "to the end of the file": "outbox: {{keep_days: 7}}\ndevices:\n{0}{1}{2}",
    "marked, with other line ends": "\ufeff# 店\r\ndevices:\r\n{0}{1}{2}",
    "a device of another file between": "devices:\n{0}  - !include one.yaml\n{1}{2}",
    "in one line": "devices: [{0}, {1}, {2}]\n",
}


@pytest.mark.parametrize("saved", ["a", "b", "c"])
@pytest.mark.parametrize("form", FORMS)
def test_whose_save_is_kept_is_seen_however_the_file_is_written(write: Any, form: str, saved: str) -> None:
    write("one.yaml", "name: d\ndriver: counter.camera\nport: sim:1\n")
    person = [0.4, 0.2, 0.1, 0.3]
    device = ONE_LINE if form == "in one line" else BLOCK
    each = [device.replace("NAME", name).replace("PERSON", str(person)) for name in "abc"]
    text = FORMS[form].format(*each)
    shop = write("edge.yaml", text.replace("\r\n", "\n").replace("\n", "\r\n") if "\r" in text else text)
    original = shop.read_bytes()
    writer = book(shop)
    writer.write(saved, {"persons": [person]}, revision=writer.read(saved).revision)
    assert [name for name in "abc" if writer.read(name).undo] == [saved]
    undo(writer, saved)
    assert shop.read_bytes() == original


def test_no_more_than_twenty_saves_are_kept(shop: Path) -> None:
    writer = book(shop)
    for n in range(SAVES_KEPT + 3):
        save(writer, "door", n / 100)
    assert len(beside(shop)) == SAVES_KEPT + 1
    while writer.read("door").undo:
        undo(writer, "door")
    assert left(writer, "door") == 0.02
    assert beside(shop) == ["edge.yaml"]


def test_what_somebody_keeps_beside_the_file_is_theirs(shop: Path) -> None:
    kept = shop.with_name("edge.yaml.before-christmas")
    kept.write_text(SHOP)
    writer = book(shop)
    save(writer, "door", 0.2)
    undo(writer, "door")
    assert kept.read_text() == SHOP


def test_a_save_is_taken_back_though_other_cameras_of_the_file_were_saved_since(shop: Path) -> None:
    writer = book(shop)
    save(writer, "door", 0.2)
    save(writer, "door", 0.3)
    save(writer, "back", 0.6, anchor="foot")
    save(writer, "back", 0.7)
    both = shop.read_text()
    for x in (0.2, None):
        undo(writer, "door")
        assert (left(writer, "door"), left(writer, "back")) == (x, 0.7)
    assert not writer.read("door").undo
    assert [line for line in SHOP.splitlines() if line not in both.splitlines()] != []
    assert [line for line in SHOP.splitlines() if line not in shop.read_text().splitlines()] == []
    undo(writer, "back")
    assert left(writer, "back") == 0.6
    undo(writer, "back")
    assert shop.read_text() == SHOP
    assert beside(shop) == ["edge.yaml"]


def test_a_save_that_was_drawn_back_by_hand_is_taken_back_once(shop: Path) -> None:
    """The same text twice: its version before is another one each time."""
    writer = book(shop)
    for x in (0.2, 0.3, 0.2):
        save(writer, "door", x)
    undo(writer, "door")
    assert left(writer, "door") == 0.3
    undo(writer, "door")
    assert left(writer, "door") == 0.2
    assert not writer.read("door").undo


def test_who_wrote_into_the_file_between_two_saves_ends_what_can_be_taken_back(shop: Path) -> None:
    writer = book(shop)
    save(writer, "door", 0.2)
    shop.write_text(shop.read_text().replace("keep_days: 7", "keep_days: 9"))
    save(writer, "door", 0.3)
    undo(writer, "door")
    assert left(writer, "door") == 0.2
    assert "keep_days: 9" in shop.read_text()
    assert not writer.read("door").undo


def test_a_file_that_changed_meanwhile_is_left_alone(shop: Path) -> None:
    writer = book(shop)
    revision = writer.read("door").revision
    shop.write_text(SHOP.replace("keep_days: 7", "keep_days: 9"))
    with pytest.raises(NotWritten, match="changed"):
        writer.write("door", DRAWN, revision=revision)
    assert "keep_days: 9" in shop.read_text()


def test_a_change_in_the_last_moment_is_seen_too(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = book(shop)
    revision = writer.read("door").revision
    fsync = os.fsync

    def edited(handle: int) -> None:
        shop.write_text(SHOP + "# by hand\n")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", edited)
    with pytest.raises(NotWritten, match="changed"):
        writer.write("door", DRAWN, revision=revision)
    assert shop.read_text().endswith("# by hand\n")


def test_what_the_settings_would_refuse_is_not_written(shop: Path) -> None:
    writer = book(shop)
    wrong = DRAWN | {"lines": {"a b": LINE}}
    with pytest.raises(BadSettings):
        writer.write("door", wrong, revision=writer.read("door").revision)
    assert shop.read_text() == SHOP
    assert beside(shop) == ["edge.yaml"]


@pytest.mark.parametrize("mode", [0o640, 0o600, 0o664])
def test_the_rights_of_the_file_stay_and_the_version_before_has_them_too(write: Any, mode: int) -> None:
    shop = write("edge.yaml", SHOP, mode=mode)
    writer = book(shop)
    writer.write("door", DRAWN, revision=writer.read("door").revision)
    assert {file.stat().st_mode & 0o777 for file in shop.parent.iterdir()} == {mode}


def test_a_link_stays_a_link(shop: Path, tmp_path: Path) -> None:
    real = tmp_path / "kept" / "edge.yaml"
    real.parent.mkdir()
    shop.rename(real)
    shop.symlink_to(real)
    writer = book(shop)
    writer.write("door", DRAWN, revision=writer.read("door").revision)
    assert shop.is_symlink()
    assert "正门" in real.read_text()
    writer.undo("door", revision=writer.read("door").revision)
    assert real.read_text() == SHOP


def test_a_folder_that_may_not_be_written_says_so(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(**wish: object) -> None:
        raise PermissionError(13, "Permission denied", str(shop.parent))

    writer = book(shop)
    monkeypatch.setattr(tempfile, "mkstemp", refused)
    with pytest.raises(NotWritten, match=f"disk: {shop.parent}: Permission denied"):
        writer.write("door", DRAWN, revision=writer.read("door").revision)
    assert shop.read_text() == SHOP


def test_a_full_disk_leaves_the_file_as_it_was(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    writer = book(shop)
    revision = writer.read("door").revision
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NotWritten, match=r"disk: .*No space left"):
        writer.write("door", DRAWN, revision=revision)
    assert shop.read_text() == SHOP
    assert beside(shop) == ["edge.yaml"]


WAYS = {
    "the list": (
        "devices: !include parts/all.yaml\n",
        "- name: door\n  driver: counter.camera\n  port: sim:1\n",
    ),
    "the device": (
        "devices:\n  - !include parts/all.yaml\n",
        "# a camera\nname: door\ndriver: counter.camera\nport: sim:1\n",
    ),
    "its options": (
        "devices:\n  - name: door\n    driver: counter.camera\n    port: sim:1\n"
        "    options: !include parts/all.yaml\n",
        "anchor: foot # from the side\n",
    ),
    "its lines": (
        "devices:\n  - name: door\n    driver: counter.camera\n    port: sim:1\n"
        "    options: {lines: !include parts/all.yaml}\n",
        "old: {a: [0, 0.5], b: [1, 0.5], in: up}\n# the end\n",
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_included_file_is_where_it_is_written(write: Any, way: str) -> None:
    root, part = WAYS[way]
    shop, included = write("edge.yaml", root), write("parts/all.yaml", part)
    writer = book(shop)
    drawn = {"lines": {"正门": LINE}}
    assert not writer.read("door").undo
    assert writer.write("door", drawn, revision=writer.read("door").revision) == included
    assert shop.read_text() == root
    assert writer.read("door").undo
    options: Any = writer.read("door").device.options
    assert list(options.lines) == ["正门"]
    writer.undo("door", revision=writer.read("door").revision)
    assert included.read_text() == part


def test_options_that_two_cameras_share_are_not_written(write: Any) -> None:
    two = "".join(
        f"  - {{name: {name}, driver: counter.camera, port: sim:1, options: !include one.yaml}}\n"
        for name in ("door", "back")
    )
    shop, included = write("edge.yaml", f"devices:\n{two}"), write("one.yaml", "anchor: foot\n")
    writer = book(shop)
    with pytest.raises(NotWritten, match="shared"):
        writer.write("door", DRAWN, revision=writer.read("door").revision)
    assert included.read_text() == "anchor: foot\n"


def test_options_in_several_files_are_not_half_written(write: Any) -> None:
    write("lines.yaml", "{}\n")
    shop = write(
        "edge.yaml",
        "devices:\n  - name: door\n    driver: counter.camera\n    port: sim:1\n"
        "    options:\n      lines: !include lines.yaml\n",
    )
    before = shop.read_text()
    writer = book(shop)
    with pytest.raises(NotWritten, match="scattered"):
        writer.write("door", DRAWN, revision=writer.read("door").revision)
    assert shop.read_text() == before


def test_a_device_that_has_gone_says_so(shop: Path) -> None:
    with pytest.raises(NotWritten, match="device"):
        book(shop).read("nobody")


def test_what_was_equal_is_not_written_at_all(shop: Path) -> None:
    writer = book(shop)
    inode = shop.stat().st_ino
    same = {"lines": {"old": {"a": [0.0, 0.5], "b": [1.0, 0.5], "in": "up"}}, "zones": {}, "masks": []}
    writer.write("door", same, revision=writer.read("door").revision)
    assert shop.stat().st_ino == inode

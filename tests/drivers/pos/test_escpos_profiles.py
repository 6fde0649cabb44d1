"""A technician's profile changes what differs, and says what is wrong with itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from drivers.pos.escpos_tap import profiles
from drivers.pos.escpos_tap.options import Options
from drivers.pos.escpos_tap.protocol import AFTER_CUT_MS, EscposTapDecoder
from sync.contract.events import SaleCompleted

_CORNER = r"""
name: corner
items: ['{qty}\s+{name}\s+{amount}']
labels: {total: ['ZUSAMMEN']}
code_pages: {21: cp1251}
"""


def _profile(folder: Path, text: str) -> str:
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_profile_takes_the_place_of_what_it_names(tmp_path: Path) -> None:
    decoder = EscposTapDecoder(Options(profile=_profile(tmp_path, _CORNER)))
    job = b"\x1b@\x1bt\x15" + "2 Чай   5.00\nZUSAMMEN   5.00\nCASH   5.00\n".encode("cp1251") + b"\x1bi"
    note, sale = (heard.what for heard in decoder.feed(job, 0) + decoder.wake(AFTER_CUT_MS))
    assert isinstance(sale, SaleCompleted)
    assert note.fields["items"] == [["Чай", "2", "5.00"]]
    assert (sale.total_minor, sale.lines[0].quantity_milli, sale.tenders[0].kind) == (500, 2000, "cash")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("items: ['(x+)+ {amount}']", "repeats a repeated group"),
        ("labels: {total: ['(total']}", "no regular expression|has a group"),
        ("labels: {total: ['(a)']}", "has a group"),
        ("numbers: {receipt: ['No']}", "value"),
        ("items: ['{amount']", "there is no"),
        ("items: ['{name}']", "lacks"),
        ("colour: red", "colour"),
        ("name_line: above", "name_line"),
        ("code_pages: {3: cp9999}", "cp9999"),
        ("marks: {report: ['" + "z" * 601 + "']}", "600"),
        ("[]", "mapping"),
        ("a: [", "YAML"),
    ],
)
def test_a_profile_that_cannot_be_used_says_why(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Options(profile=_profile(tmp_path, text))


def test_a_missing_profile_is_told_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(profiles.BadProfile, match="default"):
        profiles.load("nope")
    with pytest.raises(profiles.BadProfile, match="cannot read"):
        profiles.load(str(tmp_path / "nope.yaml"))


@pytest.mark.parametrize("options", [{"currency": "yuan"}, {"encoding": "klingon"}, {"idle_cut_ms": 1}])
def test_options_are_checked(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Options(**options)

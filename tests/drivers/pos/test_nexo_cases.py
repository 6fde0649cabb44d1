"""Recordings of nexo messages say what they should, in the golden vectors' words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from drivers.decode import decode_stream
from drivers.manual import readme_path
from drivers.pos.nexo import DRIVER

CASES = json.loads((readme_path("pos.nexo").parent / "cases" / "nexo.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES["vectors"], ids=lambda case: str(case["id"]))
def test_a_recording_says_what_it_should(case: dict[str, Any]) -> None:
    said = list(decode_stream(DRIVER, case.get("options", {}), [case["input_text"].encode()]))
    assert said, "nothing was heard"
    assert {name: said[-1].get(name) for name in case["expect"]} == case["expect"]


def test_a_whole_file_of_vectors_is_a_recording_too() -> None:
    whole = json.dumps(CASES).encode()
    wrapped = json.dumps([json.loads(case["input_text"]) for case in CASES["vectors"][:3]], indent=3).encode()
    assert list(decode_stream(DRIVER, {}, [whole])) == []  # as text in text it is none
    heard = list(decode_stream(DRIVER, {"passphrase": "mysupersecretpassphrase"}, [wrapped]))
    assert [one.get("error", "") for one in heard] == ["", "hmac", "plain"]

"""Languages and catalogues."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.text import LANGUAGES, catalogue, language_of


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh_CN"),
        ({"LANG": "zh_TW.UTF-8"}, "zh_CN"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_GB.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, "zh_CN"),
    ],
)
def test_the_terminal_says_which_language_it_wants(environ: dict[str, str], language: str) -> None:
    assert language_of(environ) == language


@pytest.mark.parametrize("language", [*LANGUAGES, "fr"])
def test_a_package_without_a_catalogue_speaks_english(tmp_path: Path, language: str) -> None:
    assert catalogue(tmp_path, language).gettext("Save") == "Save"

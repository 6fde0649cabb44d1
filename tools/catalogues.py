"""Keep the catalogues in step with the texts in code and templates. For developers; run from anywhere.

    tools/catalogues.py                 extract, and write every .po and .mo
    tools/catalogues.py --import DIR    also take Chinese from DIR/*.json: {"English": "中文"}
    tools/catalogues.py --check         write nothing; exit status 1 when anything is untranslated, fuzzy,
                                        no longer used or stale, or has other placeholders

A text is found where it stands in `_("…")`, `N_("…")`, `gettext("…")` or `ngettext("…", "…", n)`, and in
`{% trans %}` of templates. The .mo files are committed, so that nothing is built on the way to a store; both
kinds of file hold no dates and no line numbers, so that they change only when a text does.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("config", "edge_agent", "central_server")
SOURCE_LANGUAGE = "en"
LANGUAGES = ("zh_CN", SOURCE_LANGUAGE)

_METHODS = [
    ("**/migrations/**", "ignore"),
    ("**.py", "python"),
    ("**/templates/**.html", "jinja2.ext:babel_extract"),
    ("**/templates/**.txt", "jinja2.ext:babel_extract"),
]
# As the pages' environments are set up; silent=false: a template that cannot be read is an error here.
_OPTIONS = {
    "**/templates/**": {
        "extensions": "jinja2.ext.do",
        "trim_blocks": "true",
        "lstrip_blocks": "true",
        "newstyle_gettext": "true",
        "silent": "false",
    }
}
_PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|\{\w+\}")

Id = str | tuple[str, str]


class Dateless(Catalog):
    """A catalogue whose header does not change by the mere passing of time."""

    @property
    def mime_headers(self) -> list[tuple[str, str]]:  # type: ignore[override]
        return [
            ("Project-Id-Version", "tillbeam"),
            ("Language", str(self.locale_identifier)),
            ("Plural-Forms", self.plural_forms),
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit"),
        ]


@dataclass(frozen=True)
class Text:
    """A text in the code: what it says and the files that say it."""

    id: Id
    context: str | None
    files: tuple[str, ...]


def texts_of(package: Path) -> list[Text]:
    """Every text of a package, in alphabetical order."""
    found: dict[tuple[Id, str | None], set[str]] = {}
    options = {pattern: _OPTIONS["**/templates/**"] for pattern, method in _METHODS if "jinja2" in method}
    for file, _line, message, _comments, context in extract_from_dir(package, _METHODS, options):
        if message:
            where = (package / file).relative_to(package.parent).as_posix()
            found.setdefault((message, context), set()).add(where)
    merged = _plurals_first(found)
    return [Text(message, context, tuple(sorted(files))) for (message, context), files in merged]


def _plurals_first(
    found: Mapping[tuple[Id, str | None], set[str]],
) -> list[tuple[tuple[Id, str | None], set[str]]]:
    """A text that stands in one place alone and in another with its plural is one entry, with the plural."""
    plurals = {(key[0][0], key[1]) for key in found if isinstance(key[0], tuple)}
    kept = [(key, files) for key, files in found.items() if isinstance(key[0], tuple) or key not in plurals]
    return sorted(kept, key=lambda item: (str(item[0][0]), item[0][1] or ""))


def catalogue(texts: Iterable[Text], language: str, known: Mapping[tuple[str, str | None], Any]) -> Catalog:
    """A catalogue of just these texts, translated as far as `known` goes; English says what the code says."""
    made = Dateless(locale=language, header_comment="# Made by tools/catalogues.py.", fuzzy=False)
    for text in texts:
        first = text.id if isinstance(text.id, str) else text.id[0]
        said = text.id if language == SOURCE_LANGUAGE else known.get((first, text.context), "")
        if isinstance(text.id, tuple) and isinstance(said, str):
            said = (said,) * made.num_plurals
        elif isinstance(text.id, str) and isinstance(said, tuple | list):
            said = said[0]
        made.add(text.id, said, [(file, 0) for file in text.files], context=text.context)
    return made


def po_bytes(made: Catalog) -> bytes:
    """The .po file, for people and their tools."""
    written = io.BytesIO()
    write_po(written, made, width=110, include_lineno=False)
    return written.getvalue()


def mo_bytes(made: Catalog) -> bytes:
    """The .mo file, for gettext."""
    written = io.BytesIO()
    write_mo(written, made)
    return written.getvalue()


def translations_in(po: Path) -> dict[tuple[str, str | None], Any]:
    """What has been translated so far; fuzzy entries are as good as none."""
    if not po.exists():
        return {}
    with po.open("rb") as opened:
        old = read_po(opened)
    return {
        (_first(message.id), message.context): message.string
        for message in old
        if message.id and message.string and not message.fuzzy
    }


def imported(folder: Path) -> dict[tuple[str, str | None], str]:
    """The translations in a folder of JSON files; two that disagree are told, and the later file wins."""
    found: dict[tuple[str, str | None], str] = {}
    for file in sorted(folder.glob("*.json")):
        for said, translated in json.loads(file.read_text("utf-8")).items():
            before = found.get((said, None))
            if before and before != translated:
                print(
                    f"{file.name}: {said!r} is {before!r} elsewhere and {translated!r} here", file=sys.stderr
                )
            found[said, None] = translated
    return found


def shortcomings(made: Catalog, po: Path) -> Iterator[str]:
    """What keeps a catalogue from being finished, beside being stale."""
    for message in made:
        if not message.id:
            continue
        strings = message.string if isinstance(message.string, list | tuple) else (message.string,)
        if not all(strings):
            yield f"{po}: not translated: {_first(message.id)!r}"
        elif _placeholders(strings) != _placeholders(_wanted(message)):
            yield f"{po}: other placeholders: {_first(message.id)!r}"
    if po.exists():
        with po.open("rb") as opened:
            old = read_po(opened)
        yield from (f"{po}: fuzzy: {_first(message.id)!r}" for message in old if message.id and message.fuzzy)
        yield from (f"{po}: no longer used: {name!r}" for name in old.obsolete)


def _first(message_id: Any) -> str:
    return message_id if isinstance(message_id, str) else str(message_id[0])


def _wanted(message: Message) -> tuple[str, ...]:
    return (message.id,) if isinstance(message.id, str) else tuple(message.id)


def _placeholders(strings: Iterable[str]) -> set[str]:
    return {found for string in strings for found in _PLACEHOLDER.findall(string)}


def main(arguments: list[str]) -> int:
    """0 when all is well; 1 when something is missing and `--check` asked for it."""
    parser = argparse.ArgumentParser(description="Keep the catalogues in step with the texts.")
    parser.add_argument("--check", action="store_true", help="write nothing, tell what is missing or stale")
    parser.add_argument("--import", dest="folder", type=Path, help="take Chinese from the JSON files there")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    parser.add_argument("--package", action="append", choices=PACKAGES, help="only this package")
    given = parser.parse_args(arguments)
    newer = imported(given.folder) if given.folder else {}
    problems: list[str] = []
    for package in [given.root / name for name in given.package or PACKAGES]:
        if not package.is_dir():
            continue
        texts = texts_of(package)
        for language in LANGUAGES:
            po = package / "locale" / language / "LC_MESSAGES" / "messages.po"
            made = catalogue(texts, language, {**translations_in(po), **newer})
            problems += shortcomings(made, po)
            for file, content in ((po, po_bytes(made)), (po.with_suffix(".mo"), mo_bytes(made))):
                if file.exists() and file.read_bytes() == content:
                    continue
                problems += [f"{file}: stale; run tools/catalogues.py"] if given.check else []
                if not given.check:
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(content)
    print("\n".join(problems) or "all texts are translated")
    return 1 if problems and given.check else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The manual's page of devices, put together from the drivers' READMEs, and the options tables in those.

A table stands between two markers and is made from the driver's `Options`; `stale_readmes` says which
READMEs have fallen behind, `refresh_readmes` brings them up to date.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined

from drivers.base import Driver
from drivers.registry import KINDS, driver, names

BEGIN, END = "<!-- options -->", "<!-- /options -->"
_TABLE = re.compile(re.escape(BEGIN) + r".*?" + re.escape(END), re.DOTALL)
_HEADLINE = re.compile(r"^(#+ )", re.MULTILINE)
_FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
PREFACE = """\
# Devices · 设备

Made from the READMEs under `drivers/`; change those. 本页由 `drivers/` 下的说明生成，请修改原文。
"""


def devices_manual() -> str:
    """docs/devices.md: a list, what holds for a whole kind, then each driver; READMEs, one headline lower."""
    ours = [driver(name) for name in own_names()]
    rows = [f"| `{d.name}` | {d.title['en']} | {d.title['zh_CN']} |" for d in ours]
    listed = "\n".join(["| driver | device | 设备 |", "|---|---|---|", *rows])
    kinds = [path.read_text(encoding="utf-8") for kind in KINDS if (path := kind_readme_path(kind)).is_file()]
    return "\n".join([PREFACE, listed, "", *map(_lowered, [*kinds, *map(fresh_readme, ours)])])


def options_table(d: Driver) -> str:
    """The driver's options, their defaults and what they mean, as a Markdown table."""
    rows = ["| option | default | meaning |", "|---|---|---|"]
    for name, field in d.options.model_fields.items():
        meaning = (field.description or "").replace("|", "\\|").replace("\n", " ")
        rows.append(f"| `{name}` | {_default(field)} | {meaning} |")
    if len(rows) == 2:
        rows.append("| | | none |")
    return "\n".join(rows)


def fresh_readme(d: Driver) -> str:
    """The driver's README with its table as the code has it now. Raises ValueError when it has no markers."""
    text = readme_path(d.name).read_text(encoding="utf-8")
    if not _TABLE.search(text):
        raise ValueError(f"{readme_path(d.name)} has no place for its options: {BEGIN} … {END}")
    table = f"{BEGIN}\n\n{options_table(d)}\n\n{END}"
    return _TABLE.sub(lambda _: table, text)


def stale_readmes() -> list[Path]:
    """READMEs whose table is not what the code says."""
    paths = {name: readme_path(name) for name in own_names()}
    return [p for name, p in paths.items() if p.read_text(encoding="utf-8") != fresh_readme(driver(name))]


def refresh_readmes() -> list[Path]:
    """Write the stale READMEs anew; says which they were."""
    stale = stale_readmes()
    for path in stale:
        name = ".".join(path.parent.parts[-2:])
        path.write_text(fresh_readme(driver(name)), encoding="utf-8")
    return stale


def own_names() -> list[str]:
    """The drivers that stand in this tree; an outsider's manual is the outsider's."""
    return [name for name in names() if readme_path(name).parent.is_dir()]


def readme_path(name: str) -> Path:
    """Where the README of the driver called `name` stands."""
    kind, _, device = name.partition(".")
    assert kind in KINDS
    return Path(__file__).parent / kind / device / "README.md"


def kind_readme_path(kind: str) -> Path:
    """Where that stands which holds for all devices of a kind; not every kind has it."""
    return Path(__file__).parent / kind / "README.md"


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or value is None:
        return ""
    return f"`{value}`" if value != "" else "empty"


def _lowered(readme: str) -> str:
    """Headlines one step lower, but for lines of examples that look like some."""
    parts = _FENCED.split(readme)
    return "".join(part if n % 2 else _HEADLINE.sub(r"#\1", part) for n, part in enumerate(parts))


if __name__ == "__main__":  # python -m drivers.manual [refresh]: the page to standard output
    if sys.argv[1:] == ["refresh"]:
        sys.stdout.writelines(f"{path}\n" for path in refresh_readmes())
    else:
        sys.stdout.write(devices_manual())

"""Whether the program that is installed is whole, and its packages ours: their names are others' too."""

from __future__ import annotations

import importlib.util
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import edge_agent
from edge_agent.app import edge_version
from edge_agent.field.doctor.box import Box
from edge_agent.field.doctor.findings import Finding, bad, ok, warn
from edge_agent.field.words import _

OURS = ("config", "drivers", "sync")
NEEDED = (
    "aiosqlite", "cryptography", "jinja2", "msgspec", "paho.mqtt", "prometheus_client", "pydantic", "rich",
    "ruamel.yaml", "serial", "starlette", "typer", "uvicorn",
)  # fmt: skip


def packages(box: Box) -> Iterator[Finding]:
    """`config`, `drivers` and `sync` stand beside `edge_agent`, and every library can be found."""
    beside = Path(edge_agent.__file__).resolve().parents[1]
    wrong = False
    for name in OURS:
        place = _place(name)
        if place is None or place.parent != beside:
            wrong = True
            says = _("the package {name} is somebody else's: {place}")
            mend = "env -u PYTHONPATH /opt/tillbeam/bin/tillbeam-edge doctor"
            yield bad(says, mend, name=name, place=place or "-")
    missing = [name for name in NEEDED if not _is_there(name)]
    if missing:
        mend = f"{sys.executable} -m pip install --require-hashes -r requirements.lock"
        yield bad(_("libraries are missing: {names}"), mend, names=", ".join(missing))
    if platform.machine() not in ("x86_64", "aarch64") or sys.maxsize < 2**32:
        yield warn(_("{machine} is no 64-bit machine we know"), machine=platform.machine())
    if not wrong and not missing:
        version = edge_version()
        yield ok(_("version {version} in {place}"), version=version, place=beside)


def _place(name: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin).resolve().parent if spec and spec.origin else None


def _is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:
        return False

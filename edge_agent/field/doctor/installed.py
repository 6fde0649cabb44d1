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
from edge_agent.strangers import strangers

NEEDED = (
    "aiosqlite", "cryptography", "jinja2", "msgspec", "paho.mqtt", "prometheus_client", "pydantic", "rich",
    "ruamel.yaml", "serial", "starlette", "typer", "uvicorn",
)  # fmt: skip


def packages(box: Box) -> Iterator[Finding]:
    """`config`, `drivers` and `sync` stand beside `edge_agent`, and every library can be found."""
    wrong = strangers()
    for name, place in wrong.items():
        says = _("the package {name} is somebody else's: {place}")
        yield bad(says, "env -u PYTHONPATH /opt/tillbeam/bin/tillbeam-edge doctor", name=name, place=place)
    missing = [name for name in NEEDED if not _is_there(name)]
    if missing:
        mend = f"{sys.executable} -m pip install --require-hashes -r requirements.lock"
        yield bad(_("libraries are missing: {names}"), mend, names=", ".join(missing))
    if platform.machine() not in ("x86_64", "aarch64") or sys.maxsize < 2**32:
        yield warn(_("{machine} is no 64-bit machine we know"), machine=platform.machine())
    if not wrong and not missing:
        home = Path(edge_agent.__file__).resolve().parents[1]
        yield ok(_("version {version} in {place}"), version=edge_version(), place=home)


def _is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:
        return False

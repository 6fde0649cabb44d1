"""What we did not write is exactly what its makers published, and its licence stands beside it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import central_server.web

VENDOR = Path(central_server.web.__file__).parent / "static" / "vendor"


def test_every_vendored_file_has_its_checksum_and_no_other_file_is_there() -> None:
    lines = [line.split() for line in (VENDOR / "CHECKSUMS").read_text().splitlines() if line[0] != "#"]
    assert {line[1] for line in lines} | {"CHECKSUMS"} == {path.name for path in VENDOR.iterdir()}
    for digest, name, *_ in lines:
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest, name

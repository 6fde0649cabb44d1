"""Pages that are made from the code are as the code is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_the_generated_pages_are_fresh(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", root / "tools/manuals.py", "--check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

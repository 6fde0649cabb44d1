"""The browser in which pictures are taken and pages are tried: Debian's, without window or phoning home."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from playwright.async_api import Browser, Playwright

EXECUTABLE = Path("/usr/bin/chromium")
INSTALL = "sudo apt-get install chromium fonts-noto-cjk"
ARGUMENTS = (
    "--no-sandbox",  # containers often forbid what the sandbox needs; only our own pages are opened
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


async def launch(playwright: Playwright, *, environ: Mapping[str, str] | None = None) -> Browser:
    """A browser with a profile of its own. Raises playwright's Error when it does not start."""
    return await playwright.chromium.launch(
        executable_path=EXECUTABLE, args=list(ARGUMENTS), env={**os.environ, **(environ or {})}
    )

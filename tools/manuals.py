"""Write the generated pages anew, or with --check say which are stale (exit status 1).

Generated: docs/events.md, settings.md and devices.md, config/schema/*.json, and the options table in every
driver's README.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def pages() -> dict[str, Callable[[], str]]:
    """Where each generated file stands, from the root of the tree, and what writes it."""
    from config.central import CentralSettings
    from config.edge import EdgeSettings
    from config.manual import settings_manual
    from config.schema import schema_text
    from drivers.manual import devices_manual, fresh_readme, own_names, readme_path
    from drivers.registry import driver
    from sync.contract.manual import events_manual

    readmes = {
        str(readme_path(name).relative_to(ROOT)): lambda name=name: fresh_readme(driver(name))
        for name in own_names()
    }
    return {
        "docs/events.md": events_manual,
        "docs/settings.md": settings_manual,
        "docs/devices.md": devices_manual,
        "config/schema/edge.schema.json": lambda: schema_text(EdgeSettings),
        "config/schema/central.schema.json": lambda: schema_text(CentralSettings),
        **readmes,
    }


def main(check: bool) -> int:
    stale = []
    for name, write in pages().items():
        path, text = ROOT / name, write()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"{name}: {'stale; run .venv/bin/python tools/manuals.py' if check else 'written anew'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))

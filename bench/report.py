"""How a measurement says what it found."""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from typing import Any


def options(what: str, **defaults: tuple[Any, str]) -> argparse.Namespace:
    """The bench's options; `--json` leaves only the last line. A default gives the option's type."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--json", action="store_true", help="print only the last line, JSON")
    for name, (default, text) in defaults.items():
        kind = type(default) if default is not None else str
        parser.add_argument(
            f"--{name.replace('_', '-')}", default=default, type=kind, help=f"{text} ({default})"
        )
    return parser.parse_args()


def report(found: dict[str, Any], only_json: bool) -> None:
    """Print what was found, for people and then as one line of JSON."""
    if not only_json:
        width = max(map(len, found))
        for name, value in found.items():
            print(f"{name:{width}}  {value}")
    print(json.dumps(found), flush=True)


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which `percent` of `values` lie, nearest rank; values as they come."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)

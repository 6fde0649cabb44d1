"""`./run bench NAME [options]`: one module a measurement."""

from __future__ import annotations

import importlib
import sys

BENCHES = {
    "accept": "durable events/s into the outbox, against bare sqlite3",
    "drain": "a full outbox to committed and receipted at the centre, through real processes",
    "swipe": "last byte of a card to the event at an HTTP client",
    "latency": "event on a wire to committed at the centre",
    "pay": "a till's question about money to its durable answer, line up and down; a lease over the broker",
    "devices": "each decoder against its line; 32 devices at once on one edge",
    "camera": "counting people in a camera's pictures, against the plain pipeline of cv2; its memory",
    "boot": "cold start of the edge to ready, and its memory",
    "ledger": "durable transfers/s into the books, chain included, against bare SQL",
    "world": "many seeds of the corridor with all its faults",
    "walk": "many walks of the money with all its faults, held against I1 to I11",
}


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1] not in BENCHES:
        print("usage: ./run bench NAME [--json] …\n")
        for name, what in BENCHES.items():
            print(f"  {name:10} {what}")
        return 2
    name = sys.argv.pop(1)
    return int(importlib.import_module(f"bench.{name}").main() or 0)


if __name__ == "__main__":
    sys.exit(main())

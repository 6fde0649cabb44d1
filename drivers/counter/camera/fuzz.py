"""Any bytes as lines of a worker, in which everything that may stand there stands somewhere."""

from __future__ import annotations

from drivers.counter.camera.options import CameraOptions
from drivers.counter.camera.words import STATES, Crossed, Left, Said, Stats, encode_line

STEP_MS = 700


def sealed(data: bytes, options: CameraOptions) -> bytes:
    """Each byte is a line: how much later, what of, and which name."""
    names = [*options.lines, *options.zones, "door", "鞋", "x" * 40]
    t_ms, lines = 0, []
    for byte in data[:200]:
        t_ms += (byte >> 4) * STEP_MS
        name = names[byte % len(names)]
        match byte % 5:
            case 0:
                said = Said(t_ms, crossed=Crossed(name, "in" if byte & 8 else "out"))
            case 1:
                said = Said(t_ms, visited=Left(name, t_ms << byte % 32))
            case 2:
                said = Said(t_ms, occupancy={name: byte})
            case 3:
                said = Said(t_ms, state=STATES[byte % len(STATES)], detail=name)
            case _:
                said = Said(t_ms, stats=Stats(byte / 7, people=byte))
        lines.append(encode_line(said))
    return b"".join(lines)

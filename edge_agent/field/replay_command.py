"""`tillbeam-edge replay`: a recording through a driver at once, or onto a pseudo-terminal in its own time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from drivers.base import Scene
from drivers.decode import options_of
from drivers.errors import DriverError
from drivers.registry import driver
from drivers.simulated import play_on_pty
from edge_agent.field.guessing import candidates, guesses
from edge_agent.field.listening import Piece, show_pieces
from edge_agent.field.recording import NoRecording, recorded
from edge_agent.field.screen import FAILED, WRONG, Screen
from edge_agent.field.simulate_command import until_ended
from edge_agent.field.sniffing import newest
from edge_agent.field.words import _, is_wrong_command
from sync.clock import SystemClock


def replay_file(
    file: Path,
    name: str,
    options: Mapping[str, str],
    speed: float,
    port: str,
    *,
    as_json: bool,
    lang: str,
) -> int:
    """The exit status. Without `name` the driver is guessed; with `port` (pty:LINK) nothing is decoded."""
    screen = Screen(as_json=as_json, lang=lang)
    kind, _colon, link = port.partition(":")
    if port and (kind != "pty" or not link):
        screen.complain(_("A recording is played on --port pty:/path/of/a/link"))
        return WRONG
    try:
        if port:
            playing = play_on_pty(_scenes(recorded(file)), Path(link), SystemClock(), speed=speed)
            asyncio.run(until_ended(playing))
            return 0
        pieces = list(recorded(file))
        if not pieces:
            screen.complain(_("{file}: nothing is recorded in it"), file=file)
            return FAILED
        found = [] if name else guesses({None: newest(pieces)}, candidates())
        if not name and not found:
            screen.complain(_("No driver makes sense of it."))
            return FAILED
        if found:
            screen.found(found, "")
        each = driver(name or found[0].driver)
        show_pieces(each.decoder(options_of(each, options)), pieces, screen.show)
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        raise
    except NoRecording as error:
        screen.complain(_("{file}: line {line} is not of a recording"), file=error.path, line=error.line)
        return FAILED
    except (DriverError, OSError) as error:
        screen.complain("{why}", why=error)
        return WRONG if is_wrong_command(error) else FAILED
    return 0


def _scenes(pieces: Iterator[Piece] | Sequence[Piece]) -> Iterator[Scene]:
    """The pieces with the time between each and the one before, instead of since the beginning."""
    before_ms = 0
    for piece in pieces:
        yield Scene(max(0, piece.t_ms - before_ms), piece.chunk)
        before_ms = max(before_ms, piece.t_ms)

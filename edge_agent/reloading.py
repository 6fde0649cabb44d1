"""The settings file of a running agent: read again on SIGHUP, and when a page has written into it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from config.edge import EdgeSettings
from config.load import Loaded
from config.reload import Kept, reload
from edge_agent.app import Edge


class Taken(NamedTuple):
    """What came of reading the settings again."""

    refused: str = ""  # every mistake, a line each; the settings of before are in force
    needs_restart: tuple[str, ...] = ()  # what a running agent cannot take over


class SettingsFile:
    """One agent's settings; one reading at a time."""

    def __init__(
        self,
        edge: Edge,
        path: Path,
        loaded: Loaded[EdgeSettings],
        *,
        environ: Mapping[str, str],
        lang: str,
        tell: Callable[[Taken], None],
    ) -> None:
        """`tell` says it to whoever reads the program's output."""
        self._edge, self.path, self._current = edge, path, loaded
        self.environ, self._lang, self._tell = environ, lang, tell
        self._lock = asyncio.Lock()

    async def reload(self) -> Taken:
        """Takes over what the file says now; all of it, or nothing. Raises StoreBroken."""
        async with self._lock:
            found = await asyncio.to_thread(
                reload, self.path, EdgeSettings, self._current, self._lang, environ=self.environ
            )
            if isinstance(found, Kept):
                taken = Taken(refused=str(found.why))
                self._tell(taken)
                await self._edge.alarms.set("settings_refused", True, taken.refused)
                return taken
            await self._edge.alarms.set("settings_refused", False)
            taken = Taken(needs_restart=found.needs_restart)
            self._tell(taken)
            self._current = found.loaded
            await self._edge.reload(found.loaded.settings)
            return taken

"""What a till page hears as it happens: the card just shown, the last cards, the badge.

The fragments are made here, in the page's language, so the page itself holds no words and no logic.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable

from edge_agent.health import Status
from edge_agent.till import Swipe, Till
from edge_agent.web.render import templates

BADGE_EVERY_S = 1.0  # how stale the badge may be
RETRY_MS = 1000  # how soon a browser comes back when the agent restarts


async def till_events(
    till: Till, name: str, status: Callable[[], Status], lang: str, *, recent_shown: int
) -> AsyncGenerator[bytes, None]:
    """Server-sent events for one open page, until it is closed."""
    pages = templates(lang)
    swipe_page, face_page = pages.get_template("swipe.html"), pages.get_template("face.html")
    recent_page, badge_page = pages.get_template("recent.html"), pages.get_template("badge.html")
    yield b"retry: %d\n\n" % RETRY_MS

    swipes: asyncio.Queue[Swipe] = asyncio.Queue(maxsize=16)  # a page that does not keep up misses the oldest

    async def listen() -> None:
        async for swipe in till.watch(name):
            if swipes.full():
                swipes.get_nowait()
            swipes.put_nowait(swipe)

    listening = asyncio.ensure_future(listen())
    shown = ""
    try:
        while True:
            badge = badge_page.render(status=status())
            if badge != shown:
                shown = badge
                yield sse("badge", badge)
            try:
                swipe = await asyncio.wait_for(swipes.get(), BADGE_EVERY_S)
            except TimeoutError:
                if listening.done():
                    return
                yield b": still here\n\n"
                continue
            yield sse("swipe", swipe_page.render(swipe=swipe))
            yield sse("face", face_page.render(swipe=swipe))
            yield sse("recent", recent_page.render(recent=till.recent(name)[:recent_shown]))
    finally:
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening


def sse(kind: str, html: str) -> bytes:
    """One event; every line of the text gets its own `data:`."""
    lines = "".join(f"data: {line}\n" for line in html.splitlines() if line.strip())
    return f"event: {kind}\n{lines}\n".encode()

"""What a till page hears as it happens: the card just shown, what it holds, the last cards, the badge.

    swipe    a card was shown: the page sounds        card   the card, as it stands by now
    recent   the last cards                           face   the customer's screen
    badge    the line

The fragments are made here, in the page's language, so the page itself holds no words and no logic.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable

from edge_agent.health import Status
from edge_agent.shown import Claimed, Deed, News, Shown, Swipe, Wanted
from edge_agent.till import Till
from edge_agent.web.render import templates
from sync.contract.questions import Balance

BADGE_EVERY_S = 1.0  # how stale the badge may be
RETRY_MS = 1000  # how soon a browser comes back when the agent restarts


async def till_events(
    till: Till, name: str, status: Callable[[], Status], lang: str, *, recent_shown: int
) -> AsyncGenerator[bytes, None]:
    """Server-sent events for one open page, until it is closed."""
    pages = templates(lang, till.zone)
    swipe_page, face_page = pages.get_template("swipe.html"), pages.get_template("face.html")
    recent_page, badge_page = pages.get_template("recent.html"), pages.get_template("badge.html")
    wanted_page = pages.get_template("wanted.html")
    yield b"retry: %d\n\n" % RETRY_MS

    # A page that does not keep up misses the oldest.
    heard: asyncio.Queue[Shown] = asyncio.Queue(maxsize=16)

    async def listen() -> None:
        async for shown in till.watch(name):
            if heard.full():
                heard.get_nowait()
            heard.put_nowait(shown)

    listening = asyncio.ensure_future(listen())
    badge_shown = cards_shown = ""
    wanted: Wanted | None = None
    swipe: Swipe | None = None
    said = False  # what stands there; the page may show what it had before the agent began anew
    try:
        while True:
            badge = badge_page.render(status=status())
            if badge != badge_shown:
                badge_shown = badge
                yield sse("badge", badge)
            if wanted != till.waits.wanted(name):
                wanted = till.waits.wanted(name)
                yield sse("wanted", wanted_page.render(wanted=wanted))
                stands = till.on_page(name)
                balance = await held(till, stands)
                yield sse("face", face_page.render(swipe=stands, balance=balance, deed=None, wanted=wanted))
            shown: Shown | None = None
            try:
                shown = await asyncio.wait_for(heard.get(), BADGE_EVERY_S)
            except TimeoutError:
                if listening.done():
                    return
                if said and till.on_page(name) == swipe:
                    yield b": still here\n\n"
                    continue
                # The card has stood there too long; or it came before this page could hear of it.
            if isinstance(shown, Wanted):
                continue
            swipe, said = till.on_page(name), True
            if isinstance(shown, Swipe):  # the screen first; what the card holds takes another look
                yield sse("swipe", swipe_page.render(swipe=swipe, balance=None))
                yield sse("face", face_page.render(swipe=swipe, balance=None, deed=None))
            balance = await held(till, swipe)
            if balance is not None or not isinstance(shown, Swipe):
                yield sse("card", swipe_page.render(swipe=swipe, balance=balance))
            if has_gone(shown, swipe):
                yield sse("face", face_page.render(swipe=None, balance=None, deed=None))
            elif isinstance(shown, Deed):
                yield sse("face", face_page.render(swipe=swipe, balance=balance, deed=shown))
            elif isinstance(shown, Swipe | News) and balance is not None and swipe and not swipe.aside:
                yield sse("face", face_page.render(swipe=swipe, balance=balance, deed=None))
            cards = recent_page.render(recent=till.recent(name)[:recent_shown], bearer=till.holders.bearer)
            if cards != cards_shown:
                cards_shown = cards
                yield sse("recent", cards)
    finally:
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening


def has_gone(shown: Shown | None, swipe: Swipe | None) -> bool:
    """Whether the customer of `swipe` is taken to have left: the next one's receipt printed, or long ago."""
    next_sale = isinstance(shown, Claimed) and not shown.card
    return next_sale or (shown is None and swipe is not None and swipe.aside == "long_ago")


async def held(till: Till, swipe: Swipe | None) -> Balance | None:
    """What the card on the page holds; None when nothing is known of it."""
    if swipe is None or not swipe.card:
        return None
    found = await till.balance(swipe.card, swipe.member)
    return found if isinstance(found, Balance) and found.purses else None


def sse(kind: str, html: str) -> bytes:
    """One event; every line of the text gets its own `data:`. Without any data a browser hears none."""
    lines = "".join(f"data: {line}\n" for line in html.splitlines() if line.strip()) or "data:\n"
    return f"event: {kind}\n{lines}\n".encode()

"""A page under watch: nothing leaves this machine, the console is silent, every text is translated."""

from __future__ import annotations

import gettext
import re
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from playwright.async_api import ConsoleMessage, Page, Request, Response

ROOT = Path(__file__).parents[2]
NAMES = {"zh_CN": "中文", "en": "English"}
HERE = {"127.0.0.1", ""}  # "" is data: and blob:
QUIET_STATUS = re.compile(r"Failed to load resource: the server responded with a status of 4\d\d")
_TEXTS = """() => {
  const texts = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (parent.closest("script, style, code, pre, kbd")) continue;
    texts.add(walker.currentNode.data.replace(/\\s+/g, " ").trim());
  }
  for (const name of ["aria-label", "title", "placeholder", "data-confirm", "data-failed"])
    for (const one of document.querySelectorAll(`[${name}]`)) texts.add(one.getAttribute(name).trim());
  for (const chart of document.querySelectorAll("[data-chart]")) {
    const option = JSON.parse(chart.dataset.chart);
    for (const one of option.series) texts.add(one.name);
  }
  texts.add(document.title.replace(/ · Tillbeam$/, ""));
  return [...texts].filter((text) => text);
}"""


class Watched:
    """What went wrong on a page, gathered while it is open."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.wrong: list[str] = []
        self.refusals_expected = False  # a form that is to be refused answers 4xx, and the console says so
        page.on("request", self._requested)
        page.on("response", self._answered)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.wrong.append(f"script: {error}"))

    def _requested(self, request: Request) -> None:
        if (urlsplit(request.url).hostname or "") not in HERE:
            self.wrong.append(f"leaves this machine: {request.url}")

    def _answered(self, response: Response) -> None:
        if response.status >= 500:
            self.wrong.append(f"{response.status}: {response.url}")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        if self.refusals_expected and QUIET_STATUS.match(message.text):
            return
        self.wrong.append(f"{self.page.url}: {message.type}: {message.text}")

    async def speaks(self, lang: str, package: str) -> None:
        """Asserts that the page is in `lang` (zh_CN or en), as far as the catalogue knows its texts."""
        said = await self.page.locator("html").get_attribute("lang")
        assert said == lang.replace("_", "-"), (self.page.url, said)
        plain, patterns = foreign_texts(package, lang)
        strange = [
            text
            for text in await self.page.evaluate(_TEXTS)
            if text in plain or any(one.fullmatch(text) for one in patterns)
        ]
        assert not strange, (self.page.url, strange)


async def spoken(page: Page) -> str:
    """The page's language, zh_CN or en."""
    return (await page.locator("html").get_attribute("lang") or "").replace("-", "_")


async def speak(page: Page, lang: str) -> None:
    """Clicks the page's language, unless it is that already."""
    if await spoken(page) != lang:
        await page.get_by_role("button", name=NAMES[lang], exact=True).click()
        await page.locator(f"html[lang={lang.replace('_', '-')}]").wait_for()


@lru_cache
def foreign_texts(package: str, lang: str) -> tuple[set[str], list[re.Pattern[str]]]:
    """What a page in `lang` must not say: the catalogue's texts in the other language; and with gaps."""
    file = ROOT / package / "locale" / "zh_CN" / "LC_MESSAGES" / "messages.mo"
    with file.open("rb") as opened:
        known = gettext.GNUTranslations(opened)._catalog  # type: ignore[attr-defined]
    pairs = [(key[0] if isinstance(key, tuple) else key, value) for key, value in known.items()]
    wrong = [
        english if lang == "zh_CN" else chinese
        for english, chinese in pairs
        if english and english.casefold() != chinese.casefold()
    ]
    pieces = [re.split(r"%\(\w+\)[a-z]", " ".join(text.split())) for text in wrong]
    pieces = [parts for parts in pieces if re.search(r"[^\W\d_]{2}", " ".join(parts))]  # "%(n)s s" is neither
    patterns = [re.compile(".{1,40}?".join(map(re.escape, parts))) for parts in pieces if len(parts) > 1]
    return {parts[0] for parts in pieces if len(parts) == 1}, patterns

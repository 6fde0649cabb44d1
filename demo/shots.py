"""`./run shots`: the pictures of docs/pictures, taken from the demo standing with four weeks behind it."""

from __future__ import annotations

import asyncio
import os
import random
import re
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from rich.console import Console
from rich.text import Text

from demo import camera_shots, chromium, neighbours
from demo.counts import STORE
from demo.history import ZONE
from demo.money_shots import take_money
from demo.people import KNOWN_STRIPES
from demo.programs import NotReady
from demo.stage import LOGIN, Stage, stage
from drivers.cardreader.magstripe.protocol import encode_text, track1, track2
from sync.clock import SystemClock

PICTURES = Path(__file__).resolve().parent.parent / "docs" / "pictures"
SIZE = (1280, 800)
BYTES_MAX = 250_000  # of one picture: a README is read on trains too
BUSY_S = 25.0  # of simulated trade before the box's own pages are taken
# What a till's and an office's own machine would have instead of a server's DejaVu.
FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<include ignore_missing="yes">/etc/fonts/fonts.conf</include>
<match target="pattern"><test name="family" compare="eq"><string>sans</string></test>
<edit name="family" mode="prepend" binding="strong"><string>Noto Sans CJK SC</string></edit></match>
<match target="pattern"><test name="family" compare="eq"><string>sans-serif</string></test>
<edit name="family" mode="prepend" binding="strong"><string>Noto Sans CJK SC</string></edit></match>
<match target="pattern"><test name="family" compare="eq"><string>system-ui</string></test>
<edit name="family" mode="prepend" binding="strong"><string>Noto Sans CJK SC</string></edit></match>
</fontconfig>"""
LANGUAGES = {"zh": ("zh-CN", "中文"), "en": ("en-GB", "English")}
MISTAKEN = """\
store: HZ 004
language: zh_CN
centre:
  url: crm.example.com
  keepalive_s: 2
web:
  port: 84800
devices:
  - name: receipts
    driver: pos.escpos_tab
    port: serial:///dev/serial/by-id/usb-FTDI_FT232R?baud=38400
    tilt: "1"
  - name: door
    driver: counter.beam
    port: serail:///dev/ttyUSB1
  - name: door
    driver: cardreader.rdm6300
    port: tcp://192.168.1.40
outbox:
  keep_days: a week
"""


class TooLarge(RuntimeError):
    """A picture is over BYTES_MAX."""


def main() -> int:
    if not chromium.EXECUTABLE.exists():
        print(f"Pictures need Chromium: {chromium.INSTALL}", file=sys.stderr)
        return 1
    PICTURES.mkdir(parents=True, exist_ok=True)
    os.environ["TZ"] = str(ZONE)  # the box stands in the store, not where this is run
    try:
        config_error(PICTURES / "config-error.svg")
        asyncio.run(everything())
    except (NotReady, TooLarge) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def everything() -> None:
    """Stand the demo up and walk through it with the camera."""
    with tempfile.TemporaryDirectory(prefix="box-") as folder:
        async with (
            stage(Path(folder), days=28, people=2_000, speed=6.0) as house,
            async_playwright() as playing,
        ):
            house.shop.begin()
            await asyncio.sleep(BUSY_S)
            await house.shop.stop_selling()
            await neighbours.move_in(
                house.database, house.keys, chance=random.Random(1), now_ms=SystemClock().wall_ms()
            )
            fonts = Path(folder) / "fonts.conf"
            fonts.write_text(FONTS)
            browser = await chromium.launch(playing, environ={"FONTCONFIG_FILE": str(fonts)})
            for lang in LANGUAGES:
                await in_language(house, browser, lang)
            await browser.close()


async def in_language(house: Stage, browser: Browser, lang: str) -> None:
    """The pictures that are taken in this language."""
    locale, name = LANGUAGES[lang]
    context = await browser.new_context(
        locale=locale,
        timezone_id=str(ZONE),
        viewport={"width": SIZE[0], "height": SIZE[1]},
        color_scheme="light",
    )
    page = await signed_in(house, context, name)
    yesterday = (datetime.now(ZONE) - timedelta(days=1)).date().isoformat()
    centre, edge = house.places.central_url, house.places.edge_url
    await take(page, f"{centre}/?day={yesterday}", f"overview-{lang}")
    if lang == "zh":
        await take(page, f"{centre}/members", "members")
        await take(page, f"{centre}/fleet", "fleet")
    else:
        await take(page, f"{centre}/traffic?day={yesterday}&store={STORE}", "traffic")
    await take(page, f"{centre}/traffic/dwell?day={yesterday}&store={STORE}", f"dwell-{lang}")
    await context.add_cookies([{"name": "tillbeam_lang", "value": locale[:2], "url": edge}])
    await camera_shots.take_technician(page, house, picture, f"camera-{lang}")
    await page.goto(f"{edge}/till")
    await all_is_sent(page)
    for number in KNOWN_STRIPES:  # until somebody has a tier to show
        house.shop.say("reader", encode_text(track1(number), track2(number)))
        await page.wait_for_timeout(500)
        if await page.locator("#swipe .card.known .chip").count():
            break
    await all_is_sent(page)
    await picture(page, f"till-{lang}")
    if lang == "en":
        await take(page, f"{edge}/edge", "edge")
        await page.goto(f"{edge}/till")
        await take_money(page, house, picture)
    await context.close()


async def signed_in(house: Stage, context: BrowserContext, language: str) -> Page:
    page = await context.new_page()
    await page.goto(house.places.central_url)
    await page.locator("#f-login").fill(LOGIN)
    await page.locator("#f-password").fill(house.password)
    await page.keyboard.press("Enter")
    await page.locator("details.menu").wait_for()
    await page.get_by_role("button", name=language, exact=True).click()
    await page.wait_for_load_state()
    return page


async def all_is_sent(page: Page) -> None:
    await page.locator(".badge[data-link=online][data-unsent='0']").wait_for()


async def take(page: Page, url: str, name: str) -> None:
    await page.goto(url)
    await page.wait_for_load_state("load")
    for chart in await page.locator(".chart").all():
        await chart.locator("canvas").first.wait_for()
    await picture(page, name)


async def picture(page: Page, name: str) -> None:
    """Raises TooLarge."""
    await page.mouse.move(0, SIZE[1] - 1)
    await page.evaluate("document.activeElement.blur()")
    path = PICTURES / f"{name}.png"
    taken = await page.screenshot(path=path, animations="disabled", caret="hide")
    print(f"{path.name}: {len(taken) // 1000} kB")
    if len(taken) > BYTES_MAX:
        raise TooLarge(f"{path}: {len(taken)} bytes; at most {BYTES_MAX}")


def config_error(path: Path) -> None:
    """What a technician sees who asks whether a file full of mistakes is right."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "edge.yaml"
        file.write_text(MISTAKEN, "utf-8")
        done = subprocess.run(
            [sys.executable, "-P", "-m", "edge_agent", "config", "check", "edge.yaml", "--lang", "en"],
            cwd=folder,
            env=os.environ
            | {"FORCE_COLOR": "1", "COLUMNS": "110", "PYTHONPATH": str(PICTURES.parent.parent)},
            capture_output=True,
            text=True,
            check=False,
        )
    screen = Console(record=True, width=110, file=StringIO(), force_terminal=True)
    screen.print(Text("$ tillbeam-edge config check edge.yaml", style="bold"))
    screen.print(Text.from_ansi(done.stdout.strip()))
    screen.print(Text.from_ansi(done.stderr.strip()))
    svg = screen.export_svg(title="tillbeam-edge config check")
    # Rich has the reader's browser fetch a font from elsewhere; the reader's own will do.
    path.write_text(re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL), "utf-8")
    print(f"{path.name}: {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    sys.exit(main())

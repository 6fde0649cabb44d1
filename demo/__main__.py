"""`./run demo`: all of Tillbeam on this machine until interrupted; `--once --json` for a counted 20 s."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from config.text import language_of
from demo.counted import counted
from demo.programs import NotReady
from demo.stage import LOGIN, OTHERS, Stage, stage
from demo.words import WORDS

HOME = Path(__file__).resolve().parent.parent / "var" / "demo"
PORTS = (8400, 8480, 1883)
QUICK = {"days": 3, "people": 200}
FULL = {"days": 57, "people": 2_000}  # 28 days, and 28 before to compare them with
ONCE_SPEED, ATTENDED_SPEED = 25.0, 2.0  # how many times as busy as a shop on a slow morning


def main() -> int:
    """Exit status 0, or 1 when something was lost, doubled or did not start."""
    parser = argparse.ArgumentParser(prog="./run demo", description=__doc__)
    parser.add_argument(
        "--once", action="store_true", help="about 20 s, the line cut in the middle, then a count"
    )
    parser.add_argument("--json", action="store_true", help="the last line is JSON, and nothing else is said")
    parser.add_argument("--seed", type=int, default=1, help="what the simulated devices do (1)")
    asked = parser.parse_args()
    language = language_of(os.environ)
    words = WORDS[language]
    say: Callable[[str], object] = (lambda text: None) if asked.json else print
    with ExitStack() as closing:
        if asked.once:
            folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="tillbeam-demo-")))
        else:
            folder = HOME
            if not _only_one(closing):
                print(words["running"].format(folder=folder), file=sys.stderr)
                return 1
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        try:
            run = _once if asked.once else _attended
            return asyncio.run(_until_told(run(folder, asked.seed, language, say)))
        except (KeyboardInterrupt, asyncio.CancelledError):
            return 1 if asked.once else 0  # half a count is none
        except NotReady as error:
            print(error, file=sys.stderr)
            return 1


async def _until_told(run: Coroutine[Any, Any, int]) -> int:
    """SIGTERM and a closed terminal end it in order too: nothing of it stays behind."""
    running = asyncio.create_task(run)
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    return await running


async def _once(folder: Path, seed: int, language: str, say: Callable[[str], object]) -> int:
    say(WORDS[language]["setting_up"])
    async with stage(folder, **QUICK, language=language, seed=seed, speed=ONCE_SPEED) as house:
        say(WORDS[language]["counting"])
        found: dict[str, Any] = await counted(house)
    for tag, (said, here) in found["by_type"].items():
        say(f"  {tag:24} {said:5} {here:5}")
    print(json.dumps(found), flush=True)
    whole = found["drained"] and not found["lost"] + found["duplicated"]
    right = found["paid_minor"] == found["paid_at_centre_minor"]
    return 0 if found["captured"] and found["payments"] and whole and right else 1


async def _attended(folder: Path, seed: int, language: str, say: Callable[[str], object]) -> int:
    words = WORDS[language]
    began_s = time.perf_counter()
    say(words["setting_up"])
    async with stage(
        folder, **FULL, language=language, seed=seed, speed=ATTENDED_SPEED, ports=PORTS
    ) as house:
        say(words["ready"].format(seconds=round(time.perf_counter() - began_s)))
        print(
            words["places"].format(
                central=house.places.central_url,
                edge=house.places.edge_url,
                login=LOGIN,
                others=", ".join(OTHERS),
                password=house.password,
                folder=folder,
                verify=house.places.verify_command,
            ),
            flush=True,
        )
        house.shop.begin()
        await _heed(house, words)
    return 0


async def _heed(house: Stage, words: dict[str, str]) -> None:
    """Cut and mend the line as the terminal says, until interrupted."""
    typed: asyncio.Queue[str] = asyncio.Queue()
    if sys.stdin.isatty():
        asyncio.get_running_loop().add_reader(sys.stdin, lambda: typed.put_nowait(sys.stdin.readline()))
    while True:
        if (await typed.get()).strip().lower() == "c":
            (house.line.cut if house.line.whole else house.line.mend)()
            print(words["whole"] if house.line.whole else words["cut"], flush=True)


def _only_one(closing: ExitStack) -> bool:
    """Whether nobody else's demo lives in the same folder; kept until `closing` ends."""
    HOME.parent.mkdir(exist_ok=True)
    lock = closing.enter_context((HOME.parent / "demo.lock").open("w"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())

"""Walks of the money: real tills, lines, boxes and head office, in any trouble, held against I1 to I11.

`--walks N --steps S --seed K`; `--only N` is one walk in words; `--mutant NAME` takes a rule out, which must
then be noticed; `--list-mutants` names them; `--db postgresql` has the centre on an embedded server.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

from bench.report import options, report
from tests.corridor.money.mutants import MUTANTS
from tests.corridor.money.running import Found, walk_many

PROCESSES = 2
AT_ONCE_MAX = 100  # walks handed to a process: each piece learns its SQL statements anew
TOLD_LINES = 400  # the end of one walk's story


def main() -> int:
    """1 when a walk went wrong, or, with a rule taken out, when none did."""
    if "--list-mutants" in sys.argv:
        return _list_mutants("--json" in sys.argv)
    given = options(
        __doc__ or "",
        walks=(2_000, "walks to take"),
        steps=(80, "steps of each"),
        seed=(1, "from which all is drawn"),
        only=(0, "only this one, and its story"),
        mutant=("", "take this rule out"),
        db=("sqlite", "sqlite or postgresql"),
    )
    if given.mutant and given.mutant not in MUTANTS:
        print(f"no such mutant: {given.mutant}; there are {', '.join(MUTANTS)}")
        return 2
    began = time.perf_counter()
    if given.only:
        found = walk_many([given.only], given.steps, given.seed, given.mutant, given.db, keep_lines=True)
        if not given.json:
            print(*found[0].lines[-TOLD_LINES:], sep="\n")
    else:
        found = list(_all(given.walks, given.steps, given.seed, given.mutant, given.db))
    bad = sorted((each for each in found if each.rule), key=lambda each: each.number)
    if not given.json:
        for each in bad[:10]:
            print(f"walk {each.number}: {each.what}")
            print(f"    ./run bench walk --seed {given.seed} --only {each.number}")
    said = {
        "walks": len(found),
        "steps": given.steps,
        "seed": given.seed,
        "db": given.db,
        "violations": len(bad),
        "first_walk": bad[0].number if bad else None,
        "approvals": sum(each.approvals for each in found),
        "declines": sum(each.declines for each in found),
        "crashes": sum(each.crashes for each in found),
        "rules": dict(Counter(each.rule for each in bad)),
        "seconds": round(time.perf_counter() - began, 1),
    }
    if given.mutant:
        said["mutant"] = given.mutant
    report(said, given.json)
    return int(bool(bad) != bool(given.mutant))


def _all(walks: int, steps: int, seed: int, mutant: str, db: str) -> Iterator[Found]:
    """Every walk; with a mutant only until it was noticed."""
    if db != "sqlite":  # one server is enough
        yield from walk_many(range(1, walks + 1), steps, seed, mutant, db)
        return
    at_once = max(1, min(AT_ONCE_MAX, walks // (4 * PROCESSES)))
    pieces = [range(at, min(at + at_once, walks + 1)) for at in range(1, walks + 1, at_once)]
    work = partial(walk_many, steps=steps, seed=seed, mutant=mutant, db=db)
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        for some in pool.map(work, pieces):
            yield from some
            if mutant and any(each.rule for each in some):
                pool.shutdown(cancel_futures=True)
                return


def _list_mutants(only_json: bool) -> int:
    if not only_json:
        width = max(map(len, MUTANTS))
        for name, mutant in MUTANTS.items():
            print(f"{name:{width}}  {mutant.what}")
    print(json.dumps({"mutants": list(MUTANTS)}))
    return 0

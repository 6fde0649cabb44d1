"""A device's running total, and what each reading of it adds.

        reading     12      15      15      3           65534     1 (of 16 bits)    40000
        adds         –       3       0      – or 3        –       3                 –
        why        base                    reset        base     wrap               jump

The first reading says where the device stands. A smaller one is a total that went over its end, if that makes
few enough people, else a device that began anew (midnight, power, another device): a new base. More people
than `jump_max` between two readings are no people but a fault, and a new base too.
"""

from __future__ import annotations

from typing import NamedTuple


class Step(NamedTuple):
    """What a reading adds."""

    people: int
    why: str = ""  # "base", "wrap", "reset", "jump"; empty: it just went on


class Total:
    """One total of one device."""

    def __init__(
        self,
        *,
        wrap: int,
        jump_max: int,
        scale: float = 1.0,
        first_counts: bool = False,
        reset_counts: bool = False,
    ) -> None:
        """`wrap` is what comes after the largest value (65536), 0 if it never wraps; `scale` is people per
        count. `first_counts`: the device stood at 0 before its first reading; `reset_counts`: after beginning
        anew it has counted from 0.
        """
        self._wrap, self._jump_max, self._scale = wrap, jump_max, scale
        self._reset_counts = reset_counts
        self._last: int | None = 0 if first_counts else None
        self._rest = 0.0  # of a person, where one makes several counts

    def read(self, value: int) -> Step:
        """What `value` adds to the readings before."""
        last, self._last = self._last, value
        if last is None:
            return Step(0, "base")
        if value >= last:
            return self._step(value - last, "")
        round_the_end = value + self._wrap - last
        if self._wrap and round_the_end >= 0 and round(round_the_end * self._scale) <= self._jump_max:
            return self._step(round_the_end, "wrap")
        return self._step(value if self._reset_counts else 0, "reset")

    def since(self, count: int) -> Step:
        """What a count that begins anew with every reading adds."""
        self._last = None
        return self._step(count, "")

    def stands_at(self, value: int) -> None:
        """The device was put to `value`."""
        self._last = value

    def _step(self, count: int, why: str) -> Step:
        people = count if self._scale == 1.0 else count * self._scale + self._rest
        if people > self._jump_max:
            self._rest = 0.0
            return Step(0, "jump")
        if isinstance(people, int):
            return Step(people, why)
        whole = int(people + 1e-9)
        self._rest = people - whole
        return Step(whole, why)

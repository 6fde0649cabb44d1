"""Who belongs to whom, cheapest in all: the Hungarian method (Kuhn 1955, Munkres 1957), for tens of each.

Own code, since scipy's would cost 50 MB of memory on a small box for these forty lines.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def assign(costs: Sequence[Sequence[float]], limit: float) -> list[tuple[int, int]]:
    """Pairs of (row, column), each in one pair at most; none that costs more than `limit`.

    `costs`: rows × columns. O(rows² · columns) with rows the fewer.
    """
    if not costs or not costs[0]:
        return []
    if len(costs) > len(costs[0]):
        turned = assign([list(column) for column in zip(*costs, strict=True)], limit)
        return [(row, column) for column, row in turned]
    # Dearer than the limit is all the same: without this one hopeless row would push others about.
    flat = [[min(cost, 4 * limit) for cost in row] for row in costs]
    rows, columns = len(flat), len(flat[0])
    row_price, column_price = [0.0] * (rows + 1), [0.0] * (columns + 1)
    row_of = [0] * (columns + 1)  # counted from 1; column 0 holds the row that is being placed
    for row in range(1, rows + 1):
        row_of[0] = row
        for column, before in reversed(_path(flat, row_price, column_price, row_of)):
            row_of[column] = row_of[before]
    pairs = [(row_of[column] - 1, column - 1) for column in range(1, columns + 1) if row_of[column]]
    return [(row, column) for row, column in pairs if costs[row][column] <= limit]


def _path(
    flat: list[list[float]], row_price: list[float], column_price: list[float], row_of: list[int]
) -> list[tuple[int, int]]:
    """The cheapest way from column 0 to a free column: (column, the one before it), from first to last."""
    columns = len(flat[0])
    least, came_from, used = [math.inf] * (columns + 1), [0] * (columns + 1), [False] * (columns + 1)
    at = 0
    while row_of[at]:
        used[at] = True
        row, step, then = row_of[at], math.inf, 0
        for column in range(1, columns + 1):
            if used[column]:
                continue
            now = flat[row - 1][column - 1] - row_price[row] - column_price[column]
            if now < least[column]:
                least[column], came_from[column] = now, at
            if least[column] < step:
                step, then = least[column], column
        for column in range(columns + 1):
            if used[column]:
                row_price[row_of[column]] += step
                column_price[column] -= step
            else:
                least[column] -= step
        at = then
    path = []
    while at:
        path.append((at, came_from[at]))
        at = came_from[at]
    return path[::-1]

"""Compute the importance of each axis: its share of the variance of the scores; refused where trials cannot tell.

A complete grid is balanced, so the variance of its cells splits exactly into main effects and interactions. What seeds
alone do is taken off every part, and what a part could be by chance is found by leaving out one seed at a time.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.display.tables import Cell, Table
from mlpctl.report.grouping import codes_of, distinct_values
from mlpctl.report.statistics.design import Design, Refused, design_of
from mlpctl.report.statistics.forest import forest_table
from mlpctl.report.statistics.significance import SIGNIFICANCE_LEVEL, by_seed
from mlpctl.report.statistics.student import f_tail, t95
from mlpctl.report.summary import Summary
from mlpctl.store.columns import objects

FEWEST_SEEDS = 3
"""Leaving one out must leave two: chance is what two seeds differ by."""

Array = NDArray[np.float64]


def importance(summary: Summary, experiments: Sequence[Mapping[str, Any]], *, forest: bool = False) -> Table | None:
    """Return the importance of each axis with its 95 % interval; a table without rows says why there is none.

    Args:
        summary: of the trials.
        experiments: that they belong to, as their files say it.
        forest: ask a random forest where the trials are no complete grid; imports scikit-learn.

    Returns:
        None where nothing varies.
    """
    if not summary.varied or summary.best is None:
        return None
    title = f"Importance for {summary.on} {summary.metric}"
    try:
        design = design_of(summary, experiments)
        try:
            return _grid_table(design, summary.column, title)
        except Refused:
            if not forest:
                raise
            return forest_table(design, summary.column, title)
    except Refused as reason:
        return Table((), (), title, [f"Not told: {reason}"])


def _grid_table(design: Design, column: str, title: str) -> Table:
    cells = grid_of(design, column)
    p = beyond_chance(cells)
    if p > SIGNIFICANCE_LEVEL:
        raise Refused(
            f"the configurations do not differ by more than seeds do (p {p:.2f}), so there is nothing to share out "
            "among the axes; more seeds see smaller differences"
        )
    if len(design.factors) == 1:
        note = "Its values differ by more than seeds do (F test, each seed a block)."
        return Table(["axis", "p"], [{"axis": design.factors[0], "p": p}], title, [note, *design.notes])
    parts = variance_parts(cells.ndim - 1)
    found = dict(zip(parts, zip(*variance_shares(cells, list(parts.values())), strict=True), strict=True))
    rows: list[dict[str, Cell]] = []
    for number, name in enumerate(design.factors):
        total, *_ = found[f"total {number}"]
        rows.append({"axis": name, **_numbers(found[f"main {number}"]), "total": float(total)})
    rows.sort(key=lambda row: -float(row["share"] or 0))
    rows.append({"axis": "interactions", **_numbers(found["interactions"])})
    notes = [
        "Shares of the variance between the configurations of this grid, every value counted alike, without what "
        f"chance adds; 95 % intervals over {len(cells)} seeds. total: with all interactions.",
        *([_strongest(design, found)] if len(design.factors) > 2 else []),
        *design.notes,
    ]
    return Table(["axis", "share", "low", "high", "total"], rows, title, notes)


def _numbers(found: tuple[Any, Any, Any]) -> dict[str, Cell]:
    return {name: float(value) for name, value in zip(("share", "low", "high"), found, strict=True)}


def _strongest(design: Design, found: Mapping[str, tuple[Any, Any, Any]]) -> str:
    pairs = {name: value for name, value in found.items() if name.startswith("pair ")}
    name = max(pairs, key=lambda name: pairs[name][0])
    share, low, high = pairs[name]
    both = " × ".join(design.factors[int(number)] for number in name.split()[1:])
    return f"The strongest interaction of two is {both}: {share:.3f} [{low:.3f}, {high:.3f}]."


def grid_of(design: Design, column: str) -> Array:
    """Return the scores of a complete grid (seeds, values of the first factor, …).

    Raises:
        Refused: if the grid has a hole under too many seeds.
    """
    if design.drawn:
        raise Refused(
            f"the values of {', '.join(design.drawn)} were drawn and are no grid; --importance asks a random forest"
        )
    scores = by_seed(design.trials, design.factors, column)
    levels = [len(distinct_values(design.trials[factor])) for factor in design.factors]
    if missing := prod(levels) - len(scores.names):
        raise Refused(
            f"{missing:,} of the {prod(levels):,} cells of the grid have no score (not run, or "
            "failed), so the axes are not balanced; --importance asks a random forest instead"
        )
    whole = scores.values[~np.isnan(scores.values).any(axis=1)]
    if len(whole) < FEWEST_SEEDS:
        raise Refused(
            f"chance is known from {FEWEST_SEEDS} seeds on, and {len(whole)} cover the grid; --seeds {FEWEST_SEEDS} on "
            "the same sweep adds what is missing"
        )
    codes = tuple(codes_of(objects(values))[0] for values in zip(*scores.names, strict=True))
    cells = np.empty((len(whole), prod(levels)))
    cells[:, np.ravel_multi_index(codes, levels)] = whole
    return cells.reshape(len(whole), *levels)


def beyond_chance(cells: Array) -> float:
    """Return the probability of differences between cells as large as these by chance alone; 1 if all are equal.

    The F test of a grid under n seeds, each seed a block: what a seed does to all cells alike is no chance here.

    Args:
        cells: scores (seeds, values of the first axis, …).
    """
    table = cells.reshape(len(cells), -1)  # (seeds, cells)
    n, k = table.shape
    between = n * table.mean(axis=0).var(ddof=1)
    rest = table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()
    within = np.square(rest).sum() / ((n - 1) * (k - 1))
    if within == 0:
        return 1.0 if between == 0 else 0.0
    return f_tail(float(between / within), k - 1, (n - 1) * (k - 1))


VariancePart = Callable[[Array], float]


def variance_parts(axes: int) -> dict[str, VariancePart]:
    """Return the parts of the variance of a table with so many axes, each a quadratic function of the table."""
    mains = {f"main {a}": _effect((a,), axes) for a in range(axes)}
    pairs = {f"pair {a} {b}": _effect((a, b), axes) for a, b in combinations(range(axes), 2)}
    totals = {f"total {a}": _total(a) for a in range(axes)}
    return {
        **mains,
        **pairs,
        **totals,
        "interactions": lambda table: _all(table) - sum(m(table) for m in mains.values()),
    }


def _all(table: Array) -> float:
    return float(table.var())


def _effect(of: tuple[int, ...], axes: int) -> VariancePart:
    """Return the mean square of a main effect, or of the interaction of two axes beyond their main effects."""

    def part(table: Array) -> float:
        margin = table.mean(axis=tuple(k for k in range(axes) if k not in of), keepdims=True) - table.mean()
        for a in of if len(of) > 1 else ():
            margin = margin - (table.mean(axis=tuple(k for k in range(axes) if k != a), keepdims=True) - table.mean())
        return float(np.square(margin).mean())

    return part


def _total(axis: int) -> VariancePart:
    return lambda table: float(np.square(table - table.mean(axis=axis, keepdims=True)).mean())


def variance_shares(cells: Array, parts: Sequence[VariancePart]) -> tuple[Array, Array, Array]:
    """Return (share, low, high) of parts of the variance between cells; low and high are the 95 % interval.

    What chance adds to a part is estimated from the differences between seeds and subtracted, so that an axis that does
    nothing has a share around 0. The intervals are the jackknife's over seeds, which are what is drawn at random.

    Args:
        cells: scores (seeds, values of the first axis, …).
        parts: quadratic functions of the table of means.

    Source: Sobol 1993 for shares and totals; Efron and Stein 1981 for the jackknife.
    """
    n = len(cells)
    whole = _shares(cells, parts)
    without = np.array([_shares(np.delete(cells, i, axis=0), parts) for i in range(n)])
    error = np.sqrt((n - 1) / n * np.square(without - without.mean(axis=0)).sum(axis=0))
    half = np.nan_to_num(t95(n - 1) * error, nan=1.0)  # without one seed nothing but chance is left
    return whole.clip(0, 1), (whole - half).clip(0, 1), (whole + half).clip(0, 1)


def _shares(cells: Array, parts: Sequence[VariancePart]) -> Array:
    mean, n = cells.mean(axis=0), len(cells)
    apart = cells - mean

    def unbiased(part: VariancePart) -> float:
        return part(mean) - sum(part(one) for one in apart) / (n * (n - 1))

    whole = unbiased(_all)
    return np.array([unbiased(part) for part in parts]) / (whole if whole > 0 else np.nan)

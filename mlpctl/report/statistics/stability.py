"""Find seeds that collapse: trials far below the others of their configuration, which a mean hides."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mlpctl.display.tables import as_chosen, for_people
from mlpctl.report.statistics.student import Array
from mlpctl.store.columns import Columns

NAMED = 3
"""Unstable configurations that a note names."""

LEAST_SEEDS = 3
"""Seeds from which one can be told from the others: of two that differ, nobody knows which is the exception."""

MARGINS, SPREADS = 5, 4
"""A collapsed seed is further from its configuration's median than so many margins, and so many typical deviations."""


def collapsed_seeds(values: Array, better: str, margin: float) -> NDArray[np.intp]:
    """Return the number of collapsed seeds of each configuration.

    A seed collapses if it is worse than the median seed of its configuration by more than `MARGINS` margins, and by
    more than `SPREADS` times the median standard deviation of the other configurations: noise that all have is none.
    Where half of the seeds are so far away, there is no usual score that they fall from.

    Args:
        values: scores (seeds, configurations), NaN where one is missing.
        better: whether low or high scores are better.
        margin: difference that does not matter.
    """
    counts = np.zeros(values.shape[1], dtype=np.intp)
    judged = np.flatnonzero(np.isfinite(values).sum(axis=0) >= LEAST_SEEDS)
    some = values[:, judged] * (1.0 if better == "high" else -1.0)
    deviations = np.array([np.nanstd(column, ddof=1) for column in some.T])
    for place, column in enumerate(some.T):
        others = np.delete(deviations, place)
        typical = float(np.median(others)) if len(others) else 0.0
        below = np.nanmedian(column) - column
        far = int((below > max(MARGINS * margin, SPREADS * typical)).sum())
        counts[judged[place]] = far if 2 * far < np.isfinite(column).sum() else 0
    return counts


def unstable_notes(ranked: Columns, varied: Sequence[str]) -> list[str]:
    """Return a sentence on the configurations with collapsed seeds, the best first; [] where there are none.

    Args:
        ranked: a row per configuration: the varied fields, n, worst and unstable (how many seeds collapsed).
        varied: names of these fields.
    """
    rows = [row for row in ranked.records() if row["unstable"]]
    if not rows:
        return []
    told = []
    for row in rows[:NAMED]:
        where = ", ".join(f"{name} {as_chosen(row[name])}" for name in varied if row[name] is not None)
        seeds = f"{row['unstable']} of {row['n']} seeds far below the others"
        told.append(f"{where or 'the one trained'} ({seeds}, the worst {for_people(row['worst'])})")
    more = [f"and {len(rows) - NAMED} more"] if len(rows) > NAMED else []
    return [f"Unstable: {'; '.join([*told, *more])}."]

"""Judge whether B is better than A: paired t-tests over the seeds that both have."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mlpctl.report.compare.closeness import EPSILON
from mlpctl.report.statistics.significance import SIGNIFICANCE_LEVEL, holm, paired_test

Judgement = Literal["better", "worse", "equal", "undecided"]

JUDGEMENTS: tuple[Judgement, ...] = ("better", "worse", "equal", "undecided")


@dataclass(frozen=True)
class Paired:
    """B − A of one thing that both have.

    Attributes:
        pairs: seeds that both have with a score.
        difference: mean of B − A over them; None for no pair.
        low: low end of its 95 % interval, not corrected; None for fewer than two pairs.
        high: high end.
        p: probability of a difference as large as this by chance, corrected for the number compared (Holm).
        judgement: judgement on B.
    """

    pairs: int
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    judgement: Judgement


def judge(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    *,
    better: str,
    step: float = 0.0,
    margin: float = 0.0,
    dtype: str = "float32",
    same: Sequence[bool] = (),
    overlap: float = 0.0,
) -> list[Paired]:
    """Return the judgement on each column of scores (seeds, things), NaN where one is missing.

    Two-sided paired t-tests, corrected by Holm's method for the number compared. B is better or worse where p < 0.05.
    It is equal where the 95 % interval lies within the margin: a difference that is certain and smaller than anybody
    cares for is none. It is also equal where every pair is the same but for the rounding of arithmetic, unless scores
    are shares of few examples: equal accuracies of two different networks are no proof. All else is undecided.

    Args:
        a: scores of A.
        b: scores of B.
        better: "low" or "high", the better scores.
        step: unit that scores are rounded to.
        margin: largest difference that does not matter.
        dtype: type of the arithmetic; it decides how much rounding may make, relative to the largest score.
        same: for each column True if A and B trained the same configuration; () for none.
        overlap: what scores of folds have in common, see `overlap_of`.
    """
    gaps = b - a
    pairs, mean, half, p = paired_test(gaps, step, overlap)
    adjusted = holm(p)
    up = 1.0 if better == "high" else -1.0
    found = []
    for k in range(gaps.shape[1]):
        known = gaps[np.isfinite(gaps[:, k]), k]
        scale = max(np.nanmax(np.abs(np.stack([a[:, k], b[:, k]])), initial=0.0), 0.0) if len(known) else 0.0
        is_interval = bool(pairs[k] > 1 and np.isfinite(half[k]))
        low, high = (mean[k] - half[k], mean[k] + half[k]) if is_interval else (-np.inf, np.inf)
        proves = not step or (k < len(same) and same[k])
        if proves and len(known) and np.abs(known).max() <= EPSILON[dtype] * scale:
            said: Judgement = "equal"
        elif margin and -margin <= low and high <= margin:
            said = "equal"
        elif np.isfinite(adjusted[k]) and adjusted[k] < SIGNIFICANCE_LEVEL:
            said = "better" if mean[k] * up > 0 else "worse"
        else:
            said = "undecided"
        found.append(
            Paired(
                int(pairs[k]),
                float(mean[k]) if pairs[k] else None,
                float(low) if is_interval else None,
                float(high) if is_interval else None,
                float(adjusted[k]) if is_interval else None,
                said,
            )
        )
    return found


def tally(said: Sequence[Judgement]) -> str:
    """Return how many are better, worse, equal, undecided, in words."""
    counts = Counter(said)
    return ", ".join(f"{counts[word]} {word}" for word in JUDGEMENTS if counts[word])

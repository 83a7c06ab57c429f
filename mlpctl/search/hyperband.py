"""Hyperband: successive halving in several brackets, from the most greedy to none.

Source: Li et al., "Hyperband", JMLR 18, 2018, algorithm 1.
"""

import math
from collections.abc import Sequence

from mlpctl.search.halving import Bracket


def hyperband_brackets(rungs: Sequence[int], eta: int) -> list[Bracket]:
    """Return the brackets of Hyperband, the most greedy first.

    Bracket s of s_max … 0 begins with ⌈(s_max + 1) / (s + 1) · eta^s⌉ configurations and leaves out the lowest
    s_max - s rungs.
    """
    top = len(rungs) - 1
    return [(math.ceil((top + 1) / (s + 1) * eta**s), tuple(rungs[top - s :])) for s in range(top, -1, -1)]

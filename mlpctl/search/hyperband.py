"""Hyperband: successive halving in several brackets, from the most greedy to none.

Source: Li et al., "Hyperband", JMLR 18, 2018, algorithm 1.
"""

import math
from collections.abc import Sequence

from mlpctl.search.base import Same
from mlpctl.search.halving import Bracket, Halving, rungs_for
from mlpctl.search.random import Random
from mlpctl.search.space import Space
from mlpctl.search.table import SearchTable


def hyperband_brackets(rungs: Sequence[int], eta: int) -> list[Bracket]:
    """Return the brackets of Hyperband, the most greedy first.

    Bracket s of s_max … 0 begins with ⌈(s_max + 1) / (s + 1) · eta^s⌉ configurations and leaves out the lowest
    s_max - s rungs.
    """
    top = len(rungs) - 1
    return [(math.ceil((top + 1) / (s + 1) * eta**s), tuple(rungs[top - s :])) for s in range(top, -1, -1)]


def make(table: SearchTable, space: Space, epochs: int, same: Same) -> Halving:  # noqa: ARG001
    """Return the search that a [search] table asks for, see `mlpctl.search.make.make_search`."""
    rungs = rungs_for(table, space, epochs)
    whole = sum(n for n, _ in hyperband_brackets(rungs, table.eta))
    draws = Random(space, min(table.trials or whole, whole), table.seed)
    brackets = brackets_within(rungs, table.eta, draws.size())
    return Halving(draws.ask(), brackets, table.eta, draws.size())


def brackets_within(rungs: Sequence[int], eta: int, configurations: float) -> list[Bracket]:
    """Return whole brackets for a number of configurations: the lowest rung rises until they fit.

    What is left over begins in the most greedy bracket, which costs the least for each.
    """
    for lowest in range(len(rungs)):
        brackets = hyperband_brackets(rungs[lowest:], eta)
        needed = sum(n for n, _ in brackets)
        if needed <= configurations:
            break
    (first, through), *others = brackets
    return [(first + int(max(configurations - needed, 0)), through), *others]

"""Make the search that a [search] table asks for."""

from collections.abc import Callable, Hashable

from mlpctl.errors import UsageError
from mlpctl.search.asha import Asha
from mlpctl.search.base import Search
from mlpctl.search.gp import gp_search
from mlpctl.search.grid import Grid
from mlpctl.search.halving import Bracket, Halving, rungs_of
from mlpctl.search.hyperband import hyperband_brackets
from mlpctl.search.random import Random
from mlpctl.search.sobol import Sobol
from mlpctl.search.space import Proposal, Space
from mlpctl.search.table import SearchTable
from mlpctl.search.tpe import tpe_search

TRIALS = 20
"""Configurations that are tried where nothing else is said."""


def make_search(table: SearchTable, space: Space, epochs: int, same: Callable[[Proposal], Hashable]) -> Search:
    """Return the search over a space.

    Args:
        table: what the experiment says.
        space: what varies.
        epochs: of a trial; the last rung of searches over epochs.
        same: names what a proposal would train: proposals with equal names are duplicates.

    Raises:
        UsageError: for ranges in a grid, an axis of epochs in a search over epochs, Optuna that is not installed.
    """
    trials = table.trials or TRIALS
    if table.method == "grid":
        return Grid(space)
    if table.method == "random":
        return Random(space, trials, table.seed)
    if table.method == "sobol":
        return Sobol(space, trials, table.seed)
    if table.method in ("tpe", "gp"):
        modelled = tpe_search if table.method == "tpe" else gp_search
        return modelled(space, trials, table.batch, table.seed, same)
    if any("epochs" in axis.names for axis in space.axes):
        raise UsageError(f"{table.method} decides the epochs itself: no axis epochs, --epochs N says the most")
    rungs = rungs_of(table.min_epochs, epochs, table.eta)
    brackets: list[Bracket] = [(trials, rungs)]
    if table.method == "hyperband":
        brackets = hyperband_brackets(rungs, table.eta)
        trials = min(table.trials or sum(n for n, _ in brackets), sum(n for n, _ in brackets))
    draws = Random(space, trials, table.seed)
    if table.method == "asha":
        return Asha(draws.ask(), rungs, table.eta, table.batch, draws.size())
    return Halving(draws.ask(), brackets, table.eta, draws.size())

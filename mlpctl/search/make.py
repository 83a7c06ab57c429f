"""Make the search that a [search] table asks for: each method is the module of its name."""

from importlib import import_module

from mlpctl.search.base import Same, Search
from mlpctl.search.space import Space
from mlpctl.search.table import SearchTable


def make_search(table: SearchTable, space: Space, epochs: int, same: Same) -> Search:
    """Return the search over a space.

    Args:
        table: [search] table of the experiment.
        space: space of the axes.
        epochs: of a trial; the last rung of searches over epochs.
        same: names what a proposal would train: proposals with equal names are duplicates.

    Raises:
        UsageError: for ranges in a grid, an axis of epochs in a search over epochs, Optuna that is not installed.
    """
    search: Search = import_module(f"mlpctl.search.{table.method}").make(table, space, epochs, same)
    return search

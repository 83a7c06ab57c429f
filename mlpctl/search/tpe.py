"""Search by tree-structured Parzen estimators, with constant liars for what is not told yet.

Source: Bergstra et al., "Algorithms for hyper-parameter optimization", NeurIPS 2011, section 4.
"""

from mlpctl.search.base import Same
from mlpctl.search.optuna_search import STARTUP, OptunaSearch, optuna_samplers
from mlpctl.search.space import Space
from mlpctl.search.table import SearchTable


def make(table: SearchTable, space: Space, epochs: int, same: Same) -> OptunaSearch:  # noqa: ARG001
    """Return the search that a [search] table asks for, see `mlpctl.search.make.make_search`.

    Raises:
        UsageError: where Optuna is not installed.
    """
    sampler = optuna_samplers("tpe").TPESampler(seed=table.seed, n_startup_trials=STARTUP, constant_liar=True)
    return OptunaSearch(sampler, space, table.count, table.batch, table.seed, same)

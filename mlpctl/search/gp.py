"""Search by a Gaussian process: Optuna's GPSampler, a Matérn kernel with log expected improvement."""

from mlpctl.search.base import Same
from mlpctl.search.optuna_search import STARTUP, OptunaSearch, optuna_samplers
from mlpctl.search.space import Space
from mlpctl.search.table import SearchTable


def make(table: SearchTable, space: Space, epochs: int, same: Same) -> OptunaSearch:  # noqa: ARG001
    """Return the search that a [search] table asks for, see `mlpctl.search.make.make_search`.

    Raises:
        UsageError: where Optuna is not installed.
    """
    sampler = optuna_samplers("gp").GPSampler(
        seed=table.seed, n_startup_trials=STARTUP, warn_independent_sampling=False
    )
    return OptunaSearch(sampler, space, table.count, table.batch, table.seed, same)

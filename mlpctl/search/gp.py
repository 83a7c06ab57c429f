"""Search by a Gaussian process: Optuna's GPSampler, a Matérn kernel with log expected improvement."""

from collections.abc import Callable, Hashable

from mlpctl.errors import UsageError
from mlpctl.search.optuna_search import STARTUP, OptunaSearch
from mlpctl.search.space import Proposal, Space


def gp_search(space: Space, trials: int, batch: int, seed: int, same: Callable[[Proposal], Hashable]) -> OptunaSearch:
    """Return a search by a Gaussian process.

    Args:
        space: what varies.
        trials: configurations to propose.
        batch: proposals asked for at a time.
        seed: of the model's draws.
        same: names what a proposal would train: proposals with equal names are duplicates.

    Raises:
        UsageError: where Optuna is not installed.
    """
    try:
        from optuna.samplers import GPSampler
    except ModuleNotFoundError:
        raise UsageError("--search gp needs Optuna: pip install 'mlpctl[search]', or use --search halving") from None
    sampler = GPSampler(seed=seed, n_startup_trials=STARTUP, warn_independent_sampling=False)
    return OptunaSearch(sampler, space, trials, batch, seed, same)

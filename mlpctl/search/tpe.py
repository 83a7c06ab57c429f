"""Search by tree-structured Parzen estimators, with constant liars for what is not told yet.

Source: Bergstra et al., "Algorithms for hyper-parameter optimization", NeurIPS 2011, section 4.
"""

from collections.abc import Callable, Hashable

from mlpctl.errors import UsageError
from mlpctl.search.optuna_search import STARTUP, OptunaSearch
from mlpctl.search.space import Proposal, Space


def tpe_search(space: Space, trials: int, batch: int, seed: int, same: Callable[[Proposal], Hashable]) -> OptunaSearch:
    """Return a search by tree-structured Parzen estimators.

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
        from optuna.samplers import TPESampler
    except ModuleNotFoundError:
        raise UsageError("--search tpe needs Optuna: pip install 'mlpctl[search]', or use --search halving") from None
    sampler = TPESampler(seed=seed, n_startup_trials=STARTUP, constant_liar=True)
    return OptunaSearch(sampler, space, trials, batch, seed, same)

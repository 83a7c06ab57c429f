"""Search by a model of the score that Optuna keeps: asked in batches of a fixed size, never a duplicate."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from math import nextafter
from typing import TYPE_CHECKING, Any, ClassVar

from mlpctl.errors import UsageError
from mlpctl.search.axes import Axis
from mlpctl.search.base import Same, uniform
from mlpctl.search.space import Proposal, Space

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.trial import Trial

STARTUP = 10
"""Configurations drawn at random before the model is asked: Optuna's own default."""

REDRAWS = 20
"""Duplicates after which a configuration is drawn at random instead: the model keeps coming back to what it knows."""

GIVE_UP = 1000
"""Duplicates after which there is taken to be nothing new: combinations that train the same trial are counted apart."""

BELOW_1 = nextafter(1.0, 0.0)


def optuna_samplers(method: str) -> Any:
    """Return Optuna's module of samplers for a search method.

    Raises:
        UsageError: where Optuna is not installed.
    """
    try:
        from optuna import samplers
    except ModuleNotFoundError:
        hint = "pip install 'mlpctl[search]', or use --search halving"
        raise UsageError(f"--search {method} needs Optuna: {hint}") from None
    return samplers


@dataclass
class OptunaSearch:
    """Search that models the score and proposes where it expects most.

    To the model every axis is an interval: ranges are [0, 1) on their own scale, listed numbers are whole numbers in
    order, words are categories. Axes that do not exist in a configuration are not asked for.

    Attributes:
        sampler: model of the score.
        space: space of the axes.
        trials: configurations to propose.
        batch: proposals asked for at a time.
        seed: of the model's draws.
        same: names what a proposal would train: proposals with equal names are duplicates.
    """

    sampler: "BaseSampler"
    space: Space
    trials: int
    batch: int
    seed: int
    same: Same
    learns: ClassVar[bool] = True
    most_epochs: ClassVar[int] = 0
    _asked: dict[Hashable, "Trial"] = field(default_factory=dict)
    _drawn: int = 0
    _worst: float | None = None

    def __post_init__(self) -> None:
        """Open a study."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._study = optuna.create_study(direction="maximize", sampler=self.sampler)

    def size(self) -> int:
        """Return how many distinct configurations there are to propose, at most `trials`."""
        return int(min(self.trials, self.space.size()))

    def ask(self) -> list[Proposal]:
        """Return the next batch."""
        from threadpoolctl import threadpool_limits

        batch: list[Proposal] = []
        with threadpool_limits(1):  # a Gaussian process on few points: threads make it three times slower
            while len(batch) < self.batch and len(self._asked) < self.size():
                proposal = self._new()
                if proposal is None:
                    break
                batch.append(proposal)
        return batch

    def tell(self, proposal: Proposal, score: float | None) -> None:
        """Tell the model a score; what failed counts as the worst so far."""
        from optuna.trial import TrialState

        trial = self._asked[self.same(proposal)]
        if score is not None:
            self._worst = score if self._worst is None else min(score, self._worst)
        value = self._worst if score is None else score
        if value is None:
            self._study.tell(trial, state=TrialState.FAIL)
        else:
            self._study.tell(trial, value)

    def _new(self) -> Proposal | None:
        from optuna.trial import TrialState

        for _ in range(REDRAWS):
            trial = self._study.ask()
            proposal = self._suggested(trial)
            name = self.same(proposal)
            if name not in self._asked:
                self._asked[name] = trial
                return proposal
            self._study.tell(trial, state=TrialState.FAIL)  # a duplicate: it teaches the model nothing
        for _ in range(GIVE_UP):
            places = {axis.name: position(axis, uniform(self.seed, axis.name, self._drawn)) for axis in self.space.axes}
            self._drawn += 1
            proposal = self.space.choose(lambda axis, places=places: value_at(axis, places[axis.name]))  # type: ignore[misc]
            name = self.same(proposal)
            if name not in self._asked:
                self._study.enqueue_trial(places)
                self._asked[name] = self._study.ask()
                return self._suggested(self._asked[name])
        return None

    def _suggested(self, trial: "Trial") -> Proposal:
        return self.space.choose(lambda axis: value_at(axis, suggested(trial, axis)))


def suggested(trial: "Trial", axis: Axis) -> float | int:
    """Return the position on an axis that the model suggests."""
    if axis.is_range:
        return trial.suggest_float(axis.name, 0.0, BELOW_1)
    last = len(axis.values) - 1
    if all(isinstance(value, int | float) for value in axis.values):  # near numbers should do alike
        return trial.suggest_int(axis.name, 0, last)
    return trial.suggest_categorical(axis.name, range(last + 1))


def position(axis: Axis, u: float) -> float | int:
    """Return the position of the fraction u in [0, 1) of an axis: itself on a range, else the number of the value."""
    return u if axis.is_range else int(u * len(axis.values))


def value_at(axis: Axis, position: float | int) -> Any:
    """Return the value at a position; listed numbers are in their order."""
    if axis.is_range:
        return axis.at(position)
    numbers = all(isinstance(value, int | float) for value in axis.values)
    return (sorted(axis.values) if numbers else axis.values)[int(position)]

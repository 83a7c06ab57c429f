"""Step 5a: which trials are trained together. Pure: no clock, no files."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice

from mlpctl.engine.schedule import is_prefix
from mlpctl.trial import Trial, key_of


@dataclass(frozen=True, eq=False)
class Run:
    """One training run and the trials that are read off it.

    Attributes:
        leader: the trial with the most epochs; its work is what the engine does.
        milestones: epochs -> the trial that ends there; the leader is among them.
    """

    leader: Trial
    milestones: dict[int, Trial]


def runs_of(trials: Iterable[Trial], *, share: bool = True) -> Iterator[Run]:
    """Yield the runs for some trials, in their order.

    Neighbours that differ in epochs alone are one run, where the schedule makes the shorter a prefix of the longer:
    an epochs axis costs its largest value once.

    Args:
        trials: lazily taken, one group at a time.
        share: False trains every trial by itself (its weights are wanted at its end).
    """
    for _, group in groupby(trials, key=_but_epochs if share else lambda trial: trial.key):
        by_epochs = {trial.spec.epochs: trial for trial in group}
        milestones = {epochs: by_epochs[epochs] for epochs in sorted(e for e in by_epochs if e is not None)}
        yield Run(milestones[max(milestones)], milestones)


def _but_epochs(trial: Trial) -> object:
    """Return what is equal where `lineage` is, without a hash: that costs a tenth of what a gate does in all."""
    if not is_prefix(trial.spec):
        return trial.key
    return trial.dataset.digest, [value for name, value in vars(trial.spec).items() if name != "epochs"]


def lineage(trial: Trial) -> str:
    """Return what names a trial but for its epochs, where more epochs continue fewer; elsewhere its key."""
    if not is_prefix(trial.spec):
        return trial.key
    return key_of(trial.spec.model_copy(update={"epochs": 0}), trial.dataset.digest)


class Ahead(Iterator[Run]):
    """Runs that can be looked at before they are taken."""

    def __init__(self, runs: Iterable[Run]) -> None:
        """Look at nothing yet."""
        self._runs, self._seen = iter(runs), deque[Run]()

    def __next__(self) -> Run:
        """Return the next run."""
        return self._seen.popleft() if self._seen else next(self._runs)

    def peek(self, most: int) -> list[Run]:
        """Return the next runs, so many if there are."""
        self._seen.extend(islice(self._runs, max(most - len(self._seen), 0)))
        return list(islice(self._seen, most))

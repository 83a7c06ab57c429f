"""Step 5a: which trials are trained together. Pure: no clock, no files."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from mlpctl.engines.schedule import is_prefix
from mlpctl.runner.trial import Trial
from mlpctl.store.key import key_of


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
    """Return what names a trial but for its epochs among neighbours, without a hash: a tenth of what a gate takes."""
    if not is_prefix(trial.spec):
        return trial.key
    return trial.dataset.digest, [value for name, value in vars(trial.spec).items() if name != "epochs"]


def lineage(trial: Trial) -> str:
    """Return what names a trial but for its epochs, where more epochs continue fewer; elsewhere its key."""
    if not is_prefix(trial.spec):
        return trial.key
    return key_of(trial.spec.model_copy(update={"epochs": 0}), trial.dataset.digest)

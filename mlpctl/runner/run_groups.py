"""Group trials that one training run serves, and read them off its events. Pure: no clock, no files."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from mlpctl.engines.base import Event
from mlpctl.engines.schedule import is_prefix
from mlpctl.runner.rows import epoch_row
from mlpctl.runner.trial import Trial
from mlpctl.store.key import key_of
from mlpctl.store.schema import Row

UNSCORED = epoch_row(Event("", 0))
"""Epoch row without scores; such a row is not written."""

CUT_SHORT = ("interrupted", "timeout")
"""Statuses of runs that nothing is wrong with: a trial that ends where such a run does is done."""


@dataclass(frozen=True, eq=False)
class RunGroup:
    """One training run and the trials that are read off it.

    Attributes:
        leader: the trial with the most epochs; its work is what the engine does.
        milestones: epochs -> the trial that ends there; the leader is among them.
    """

    leader: Trial
    milestones: dict[int, Trial]


def run_groups(trials: Iterable[Trial], *, share: bool = True) -> Iterator[RunGroup]:
    """Yield the training runs for some trials, in their order.

    Neighbours that differ in epochs alone are one run, where the schedule makes the shorter a prefix of the longer:
    an epochs axis costs its largest value once.

    Args:
        trials: lazily taken, one group at a time.
        share: False trains every trial by itself (its weights are wanted at its end).
    """
    for _, group in groupby(trials, key=_fields_but_epochs if share else lambda trial: trial.key):
        by_epochs = {trial.spec.epochs: trial for trial in group}
        milestones = {epochs: by_epochs[epochs] for epochs in sorted(e for e in by_epochs if e is not None)}
        yield RunGroup(milestones[max(milestones)], milestones)


def _fields_but_epochs(trial: Trial) -> object:
    """Return what trials of one run have in common; comparing fields of neighbours is faster than hashing them."""
    if not is_prefix(trial.spec):
        return trial.key
    return trial.dataset.digest, [value for name, value in vars(trial.spec).items() if name != "epochs"]


def key_without_epochs(trial: Trial) -> str:
    """Return the hash of a trial without its epochs, where more epochs continue fewer; elsewhere its key."""
    if not is_prefix(trial.spec):
        return trial.key
    return key_of(trial.spec.model_copy(update={"epochs": 0}), trial.dataset.digest)


def ended(left: dict[int, Trial], rows: list[Row], event: Event) -> list[tuple[Trial, Event]]:
    """Return the trials that end with an event, each with its own last event, and remove them from `left`.

    Args:
        left: epochs -> the trial that ends there, of those that have not ended yet.
        rows: of the epochs so far, that of the event included.
        event: one at a milestone ends a trial, one that ends the run all that are left.
    """
    if event.status in (None, "ok"):
        if event.epoch not in left:
            return []
        return [(left.pop(event.epoch), event if event.status == "ok" else replace(event, status="ok"))]
    ends: list[tuple[Trial, Event]] = []
    if event.scores and event.status in CUT_SHORT and event.epoch in left:
        ends.append((left.pop(event.epoch), replace(event, status="ok", error="")))
    last = replace(event, scores=event.scores or _last_scores(rows))
    while left:
        ends.append((left.pop(min(left)), last))
    return ends


def trial_epochs(trial: Trial, rows: list[Row], *, test_each: bool) -> list[Row]:
    """Return the epoch rows of a trial, as they are without the shorter trials that were read off the same run."""
    own = [{**row, "key": trial.key} for row in rows if len(row) > len(UNSCORED)]
    if not test_each:
        for row in own[:-1]:
            for name in [name for name in row if name.startswith("test_")]:
                del row[name]
    return own


def _last_scores(rows: list[Row]) -> dict[str, float]:
    """Return the scores of the last epoch that was done: what ended within an epoch has none of its own."""
    scored = [row for row in rows if len(row) > len(UNSCORED)]
    return {name: value for name, value in scored[-1].items() if name not in UNSCORED} if scored else {}

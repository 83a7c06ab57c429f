"""Group trials that one training run serves, and read them off its events. Pure: no clock, no files."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from mlpctl.engines.base import Event
from mlpctl.engines.schedule import is_prefix
from mlpctl.runner.rows import Curve
from mlpctl.runner.trial import Trial
from mlpctl.store.key import key_of
from mlpctl.store.schema import Block

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


def ended(left: dict[int, Trial], curve: Curve, event: Event) -> list[tuple[Trial, Event]]:
    """Return the trials that end with an event, each with its own last event, and remove them from `left`.

    Args:
        left: epochs -> the trial that ends there, of those that have not ended yet.
        curve: epochs so far, those of the event included.
        event: one that reaches milestones ends their trials, one that ends the run all that are left.
    """
    passed = [epochs for epochs in sorted(left) if epochs < event.epoch] if event.block else []
    ends = [(left.pop(epochs), replace(event.at(epochs), status="ok")) for epochs in passed]
    if event.status == "ok":  # early stopping, or a program with epochs of its own, may end before the milestone
        return [*ends, *((left.pop(epochs), event) for epochs in sorted(left))]
    if event.status is None:
        if event.epoch in left:
            ends.append((left.pop(event.epoch), replace(event, status="ok")))
        return ends
    if event.scores and event.status in CUT_SHORT and event.epoch in left:
        ends.append((left.pop(event.epoch), replace(event, status="ok", error="")))
    last = replace(event, scores=event.scores or curve.last_scores())
    while left:
        ends.append((left.pop(min(left)), last))
    return ends


def trial_epochs(curve: Curve, tested: int | None) -> Block:
    """Return the epochs of a trial, as they are without the shorter trials that were read off the same run.

    Args:
        curve: its epochs.
        tested: the only epoch that keeps its test scores; None if all do.
    """
    if tested is None:
        return curve.block
    is_kept = [epoch == tested for epoch in curve.block["epoch"]]
    scores = {name: values for name, values in curve.block.items() if "test_" in name}
    return {
        **curve.block,
        **{n: [v if is_ else None for v, is_ in zip(vs, is_kept, strict=True)] for n, vs in scores.items()},
    }

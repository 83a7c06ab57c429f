"""Turn the events of an engine into rows of the store."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from mlpctl.data.baseline import baseline
from mlpctl.engines.base import NO_SCORES, Event
from mlpctl.engines.early_stopping import WATCHED, best_epoch
from mlpctl.models.network import Network
from mlpctl.models.own import OwnNetwork
from mlpctl.runner.trial import Trial
from mlpctl.spec import Spec
from mlpctl.store import schema
from mlpctl.store.key import key_of, numerics_of
from mlpctl.store.schema import Block

Row = schema.Row

GROUP = ("group_seconds", "group_size")
"""Columns of a curve that a trial trained in a group has."""


@dataclass
class Curve:
    """Learning curve of a training run so far.

    Attributes:
        block: epochs with scores, by column, those of `epochs.csv` and GROUP; None where an epoch has no value.
        unscored: events without scores, of runs that ended within an epoch: these are no rows.
    """

    block: Block = field(default_factory=lambda: {"epoch": []})
    unscored: list[Event] = field(default_factory=list)

    def add(self, event: Event) -> None:
        """Add the epochs of an event."""
        if not event.scores:
            self.unscored.append(event)
            return
        before, block = len(self.block["epoch"]), event.block or _block(event)
        for name, values in block.items():
            self.block.setdefault(name, [None] * before).extend(values)
        for name in self.block.keys() - block.keys():
            self.block[name].extend([None] * len(block["epoch"]))

    def upto(self, epoch: int) -> "Curve":
        """Return the curve up to an epoch, that included."""
        epochs = self.block["epoch"]
        if not epochs or epochs[-1] <= epoch:
            return self
        end = bisect_right(epochs, epoch)
        return Curve({name: values[:end] for name, values in self.block.items()})

    def last_scores(self) -> dict[str, float]:
        """Return the scores of the last epoch that was done; {} where none was."""
        return self.scores_at(self.block["epoch"][-1]) if self.block["epoch"] else {}

    def scores_at(self, epoch: int) -> dict[str, float]:
        """Return the scores of an epoch that was done."""
        place = bisect_left(self.block["epoch"], epoch)
        at = {name: values[place] for name, values in self.block.items() if name not in (*NO_SCORES, *GROUP)}
        return {name: score for name, score in at.items() if score is not None}

    def wall_time(self) -> Row:
        """Return the seconds of the trial; for one trained in a group those of the group.

        group_size is such that group_seconds / group_size is the trial's share, however many came and left meanwhile.
        """
        own = [*self.block.get("seconds", ()), *(event.seconds for event in self.unscored)]
        if None in own:
            ended = [(event.group_seconds, event.group_size) for event in self.unscored]
            groups = [*zip(*(self.block.get(name, ()) for name in GROUP), strict=True), *ended]
            grouped = [group for each, group in zip(own, groups, strict=True) if each is None and None not in group]
            if grouped:
                seconds, share = sum(time for time, _ in grouped), sum(time / size for time, size in grouped)
                size = max(round(seconds / share), 1) if share else 1
                return {"seconds": None, "group_seconds": seconds, "group_size": size}
        return {"seconds": sum(each or 0.0 for each in own)}


def _block(event: Event) -> Block:
    """Return the block of an event of one epoch."""
    scores = {name: [score] for name, score in event.scores.items()}
    group = {name: [getattr(event, name)] for name in GROUP}
    return {"epoch": [event.epoch], "lr": [event.lr], **scores, "seconds": [event.seconds], **group}


def best_of_curve(spec: Spec, curve: Curve, last: Event) -> int | None:
    """Return the best epoch of a trial with early stopping that ended well; None for any other."""
    if spec.patience is None or last.status != "ok" or not curve.block["epoch"]:
        return None
    return best_epoch(curve.block["epoch"], curve.block[WATCHED])


def trial_row(trial: Trial, event: Event, curve: Curve, about: Mapping[str, Any]) -> Row:
    """Return the row of `trials.csv` for a trial that ended with an event.

    Args:
        trial: trial that was trained.
        event: its last; the final scores are the event's, or those of the best epoch where training stopped by it.
        curve: all its epochs.
        about: used_engine, used_device, used_precision, jobs, threads.
    """
    spent, best = curve.wall_time(), best_of_curve(trial.spec, curve, event)
    seconds = spent["seconds"] or spent.get("group_seconds") or 0.0
    return {
        "key": trial.key,
        "config": trial.config,
        "status": event.status,
        "error": event.error,
        **trial.spec.flat(),
        "task": trial.task_of(event.scores),
        "digest": trial.dataset.digest,
        "numerics": numerics_of(trial.spec),
        **{f"{part}_examples": len(rows) for part, rows in trial.data.parts.items()},
        "parameters": trained_numbers(trial.network),
        "epochs_done": event.epoch,
        "best_epoch": best,
        **(event.scores if best is None else curve.scores_at(best)),
        **({} if trial.is_program else baseline(trial.dataset, trial.data)),
        **spent,
        **about,
        "started": (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat(timespec="seconds"),
    }


def trained_numbers(network: Network) -> int | None:
    """Return how many numbers of a network are trained; None where that is not known, or there is none."""
    return network.n_trained if isinstance(network, OwnNetwork) else network.n_parameters or None


def invalid_row(spec: Spec, error: str) -> Row:
    """Return the row of a combination that cannot be trained; its key is that of the spec as it was given."""
    key, config = key_of(spec, "invalid"), key_of(spec.configuration(), "invalid")
    return {
        "key": key,
        "config": config,
        "status": "invalid",
        "error": error,
        **spec.flat(),
        "numerics": numerics_of(spec),
    }

"""Turn the events of an engine into rows of the store."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from mlpctl.engines.base import Event
from mlpctl.runner.trial import Trial
from mlpctl.spec import Spec
from mlpctl.store import schema
from mlpctl.store.key import key_of, numerics_of

Row = schema.Row


def epoch_row(event: Event) -> Row:
    """Return the row of `epochs.csv` for an event, without the trial's key."""
    group = {"group_seconds": event.group_seconds, "group_size": event.group_size}
    return {"epoch": event.epoch, "lr": event.lr, **event.scores, "seconds": event.seconds, **group}


def wall_time(epochs: Sequence[Row]) -> Row:
    """Return the seconds of a trial from the rows of its epochs; for one trained in a group those of the group.

    group_size is such that group_seconds / group_size is the trial's share, however many came and left meanwhile.
    """
    grouped = [row for row in epochs if row["seconds"] is None and row.get("group_seconds") is not None]
    if not grouped:
        return {"seconds": sum(row["seconds"] or 0.0 for row in epochs)}
    seconds = sum(row["group_seconds"] for row in grouped)
    share = sum(row["group_seconds"] / row["group_size"] for row in grouped)
    return {"seconds": None, "group_seconds": seconds, "group_size": max(round(seconds / share), 1) if share else 1}


def trial_row(trial: Trial, event: Event, spent: Row, about: Mapping[str, Any]) -> Row:
    """Return the row of `trials.csv` for a trial that ended with an event.

    Args:
        trial: trial that was trained.
        event: its last; the final scores are the event's.
        spent: `wall_time` of all its epochs.
        about: used_engine, used_device, used_precision, jobs, threads.
    """
    seconds = spent["seconds"] or spent.get("group_seconds") or 0.0
    return {
        "key": trial.key,
        "config": trial.config,
        "status": event.status,
        "error": event.error,
        **trial.spec.flat(),
        "task": trial.dataset.task,
        "digest": trial.dataset.digest,
        "numerics": numerics_of(trial.spec),
        **{f"{part}_examples": len(rows) for part, rows in trial.data.parts.items()},
        "parameters": trial.network.n_parameters,
        "epochs_done": event.epoch,
        **event.scores,
        **spent,
        **about,
        "started": (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat(timespec="seconds"),
    }


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

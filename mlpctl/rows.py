"""From what an engine reports to the rows of the store."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from mlpctl.engine.base import NUMERICS, Event
from mlpctl.spec import Spec
from mlpctl.trial import Trial

Row = dict[str, Any]


def epoch_row(event: Event) -> Row:
    """Return the row of `epochs.csv` for an event, without the trial's key."""
    return {"epoch": event.epoch, "lr": event.lr, **event.scores, "seconds": event.seconds}


def trial_row(trial: Trial, event: Event, seconds: float, about: Mapping[str, Any]) -> Row:
    """Return the row of `trials.csv` for a trial that ended with an event.

    Args:
        trial: what was trained.
        event: its last; the final scores are the event's.
        seconds: wall time of all its epochs.
        about: used_engine, used_device, jobs, threads.
    """
    return {
        "key": trial.key,
        "config": trial.config,
        "status": event.status,
        "error": event.error,
        **trial.spec.flat(),
        "task": trial.dataset.task,
        "digest": trial.dataset.digest,
        "numerics": NUMERICS,
        "parameters": trial.network.n_parameters,
        "epochs_done": event.epoch,
        **event.scores,
        "seconds": seconds,
        **about,
        "started": (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat(timespec="seconds"),
    }


def invalid_row(spec: Spec, error: str) -> Row:
    """Return the row of a combination that cannot be trained; its key is that of the spec as it was given."""
    from mlpctl.trial import key_of

    key, config = key_of(spec, "invalid"), key_of(spec.configuration(), "invalid")
    return {
        "key": key,
        "config": config,
        "status": "invalid",
        "error": error,
        **spec.flat(),
        "numerics": NUMERICS,
    }

"""Which trials end with an event of the run that they are read off, and how."""

from dataclasses import replace

from mlpctl.engines.base import Event
from mlpctl.runner.rows import Row, epoch_row
from mlpctl.runner.trial import Trial

UNSCORED = epoch_row(Event("", 0))
"""What an epoch row has without scores: none is written."""

CUT_SHORT = ("interrupted", "timeout")
"""Statuses of runs that nothing is wrong with: a trial that ends where such a run does is done."""


def ended(left: dict[int, Trial], rows: list[Row], event: Event) -> list[tuple[Trial, Event]]:
    """Return the trials that end with an event, each with its own last event; they are taken out of those left.

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


def rows_of(trial: Trial, rows: list[Row], *, test_each: bool) -> list[Row]:
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

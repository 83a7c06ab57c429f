"""Record trials: their rows in the store, the counts, the callbacks, the failures."""

from dataclasses import dataclass, field
from threading import Lock

from mlpctl.runner.budget import Budget
from mlpctl.runner.callbacks.base import Callback
from mlpctl.runner.failure_policy import FailurePolicy
from mlpctl.runner.types import Counts, Stop
from mlpctl.store.schema import Block, Row
from mlpctl.store.writer import Store


@dataclass
class Recorder:
    """Passes a row to all that it concerns, one row at a time, whichever thread has it.

    Attributes:
        store: opened.
        callback: told of every trial.
        stop: set where failures end the run.
        budget: budget of the run.
        policy: counts failures.
        counts: trials so far.
    """

    store: Store
    callback: Callback
    stop: Stop
    budget: Budget
    policy: FailurePolicy
    counts: Counts = field(default_factory=Counts)
    _recording: Lock = field(default_factory=Lock)  # impossible trials are found on the threads that take works

    def record(self, row: Row, epochs: Block) -> None:
        """Write a trial that was run to the store, count it and tell the callbacks."""
        with self._recording:
            self.store.append(row, epochs)
            self.counts.statuses[row["status"]] += 1
            self.callback.on_trial(row)
            if (why := self.policy.over(row)) and not self.stop.requested:
                self.stop.requested, self.stop.why = True, why

    def on_invalid(self, row: Row) -> None:
        """Record a combination that cannot be trained; it costs nothing."""
        self.budget.found()
        self.record(row, {})

    def on_stored(self, status: str) -> None:
        """Count a trial that is in the store, by its status."""
        self.counts.stored[status] += 1
        self.budget.found()
        self.callback.on_stored()

    @property
    def is_over(self) -> bool:
        """True when nothing more is to be begun."""
        return self.stop.requested or bool(self.budget.cut)

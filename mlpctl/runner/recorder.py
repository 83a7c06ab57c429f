"""What becomes of a trial: its row in the store, counted, told to who looks on, and taken note of."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from mlpctl.runner.budget import Budget
from mlpctl.runner.failure_policy import Patience
from mlpctl.runner.rows import Row
from mlpctl.runner.types import Counts, Stop, Watch
from mlpctl.store.writer import Store


@dataclass
class Recording:
    """Everything that a row goes to. Rows come one at a time, whichever thread has them.

    Attributes:
        store: opened.
        watch: who looks on.
        stop: set where failures end the run.
        budget: what is left of the limits.
        patience: counts failures.
        learn: is given the row of every trial that was run.
        counts: what became of the specs so far.
    """

    store: Store
    watch: Watch
    stop: Stop
    budget: Budget
    patience: Patience
    learn: Callable[[Row], None] | None = None
    counts: Counts = field(default_factory=Counts)
    _recording: Lock = field(default_factory=Lock)  # impossible trials are found on the threads that take works

    def record(self, row: Row, epochs: list[Row]) -> None:
        """Put a trial that was run into the store, count it and tell of it."""
        with self._recording:
            self.store.append(row, epochs)
            self.counts.statuses[row["status"]] += 1
            if self.learn is not None:
                self.learn(row)
            self.watch.finished(row)
            if (why := self.patience.over(row)) and not self.stop.requested:
                self.stop.requested, self.stop.why = True, why

    def impossible(self, row: Row) -> None:
        """Record a combination that cannot be trained; it costs nothing."""
        self.budget.found()
        self.record(row, [])

    def found(self) -> None:
        """Count a trial that is in the store."""
        self.counts.stored += 1
        self.budget.found()
        self.watch.stored()

"""Turn what a program or a function has told into the events of its trial."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mlpctl.engines.base import Event, Work
from mlpctl.engines.program.scores import columns_of, missing_score, not_finite
from mlpctl.errors import one_line

if TYPE_CHECKING:
    from mlpctl.metrics import Status


@dataclass
class Held:
    """Epochs that are told one later, since the last of all carries the status.

    Attributes:
        key: of the trial.
        since: time of the last event.
        epochs: that are not told yet.
    """

    key: str
    since: float
    epochs: list[Event] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """Take in an epoch that is over now."""
        now = time.perf_counter()
        self.epochs.append(replace(event, seconds=now - self.since))
        self.since = now

    def due(self) -> list[Event]:
        """Return the epochs that may be told: all but the last."""
        due, self.epochs = self.epochs[:-1], self.epochs[-1:]
        return due

    def end(self, status: "Status", error: str = "", scores: dict[str, float] | None = None, epoch: int = 0) -> Event:
        """Return the event that ends the trial.

        Args:
            status: how it ended.
            error: why.
            scores: that count on top of those of the last epoch.
            epoch: number of the epoch where the program told none.
        """
        rest = time.perf_counter() - self.since
        last = self.epochs[-1] if self.epochs else Event(self.key, epoch, seconds=0.0)
        found = {**last.scores, **(scores or {})}
        found = {name: score for name, score in found.items() if not not_finite({name: score})}
        seconds = (last.seconds or 0.0) + rest
        return replace(last, scores=found, seconds=seconds, status=status, error=one_line(error))


def ended_well(work: Work, held: Held, last: Mapping[str, Any] | None) -> Event:
    """Return the event of a trial whose program has ended by itself: ok where it has a score that is finite.

    Args:
        work: of the trial.
        held: its epochs that are not told yet.
        last: numbers that it told last; None for none.
    """
    epoch, scores = work.epochs or 1, columns_of(last or {}, work.spec)
    if wrong := not_finite(scores):
        return held.end("diverged", wrong, scores, epoch)
    deciding = "val_score" if work.spec.maximize else "val_cost" if work.spec.minimize else None
    known = {**(held.epochs[-1].scores if held.epochs else {}), **scores}
    if not known or (deciding is not None and deciding not in known):
        return held.end("crashed", missing_score(work.spec, last))
    return held.end("ok", scores=scores, epoch=epoch)

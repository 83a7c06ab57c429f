"""Decide by failures and time: alike failures, how many of them end a run, and how long a trial may take."""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlpctl.engines.base import Event, Work

REDONE = ("interrupted",)
"""Statuses of trials that run again by themselves."""

RETRIED = ("out_of_memory", "timeout", "crashed")
"""Statuses that may turn out otherwise: they run again where the user asks; diverged and invalid never would."""

FREE = ("invalid", "interrupted")
"""Statuses that cost no training, so that any number of them is let pass: a grid may have a corner of such cells."""

IN_A_ROW = 20
"""So many trials that end alike, one after the other, say that the next one will too."""


def alike(status: str, error: str) -> str:
    """Return what failures of one kind share: numbers in their messages (an epoch, some bytes) do not count."""
    return f"{status}: {re.sub(r'[0-9]+([.,][0-9]+)*', '#', error)}"


@dataclass
class FailurePolicy:
    """Counts failures as their rows come, and says when they end a run.

    Attributes:
        most: alike ones in a row that end a run; infinite for none.
        any_failure: the first failure of whatever kind ends it.
    """

    most: float = IN_A_ROW
    any_failure: bool = False
    _last: str = ""
    _count: int = 0

    def over(self, row: Mapping[str, Any]) -> str:
        """Return why a run should end after a trial's row; "" if it should go on."""
        status, error = str(row["status"]), str(row.get("error") or "")
        if status == "ok":
            self._last, self._count = "", 0
            return ""
        if self.any_failure and status != "interrupted":
            return f"stopped at the first failure, as --fail-fast says: {_told(status, error)}"
        if status in FREE:
            return ""
        kind = alike(status, error)
        self._count = self._count + 1 if kind == self._last else 1
        self._last = kind
        if self._count < self.most:
            return ""
        return (
            f"stopped after {self._count} trials in a row that failed alike: {_told(status, error)}; the same command "
            "goes on behind them, --keep-going never stops"
        )


def _told(status: str, error: str) -> str:
    return f"{status.replace('_', ' ')}{f' ({error})' if error else ''}"


@dataclass
class Clock:
    """Clock of the trials in training, looked at after each of their epochs.

    The engines kernel and reference also look between minibatches; only trials that are trained in a group end with an
    epoch.
    """

    _limits: dict[str, float] = field(default_factory=dict)
    _begun: dict[str, float] = field(default_factory=dict)
    _spent: dict[str, float] = field(default_factory=dict)
    _late: set[str] = field(default_factory=set)

    def start(self, work: "Work") -> None:
        """Start the clock of a trial, which may take the seconds of its limit."""
        self._limits[work.key], self._begun[work.key] = work.limit, time.monotonic()

    def watch(self, events: "Iterable[Event]", stop: Callable[[str], None]) -> "Iterator[Event]":
        """Yield the events of trials; those that take too long are stopped, and their last event says so."""
        for event in events:
            if event.status is None:
                self._look(event, stop)
                yield event
            else:
                yield self._last(event)

    def _look(self, event: "Event", stop: Callable[[str], None]) -> None:
        spent = self._spent[event.key] = self._spent.get(event.key, 0.0) + (event.seconds or 0.0)
        if event.seconds is None:  # trained in a group, it has no time of its own
            spent = time.monotonic() - self._begun[event.key]
        if spent > self._limits[event.key]:
            self._late.add(event.key)
            stop(event.key)

    def _last(self, event: "Event") -> "Event":
        from mlpctl.engines.base import late

        is_late = event.key in self._late and event.status == "interrupted"
        limit = self._limits.pop(event.key)
        for known in (self._begun, self._spent):
            known.pop(event.key, None)
        self._late.discard(event.key)
        if not is_late:
            return event
        return replace(event, status="timeout", error=late(event.key, event.epoch, 0.0, limit).error)

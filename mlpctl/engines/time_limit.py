"""End trials that take longer than they may."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from mlpctl.engines.base import Event, Work, late


@dataclass
class Clock:
    """Time that each trial has been in training, compared with its limit after each of its epochs.

    The engines kernel and reference also compare between minibatches; only trials that are trained in a group end with
    an epoch.
    """

    _limits: dict[str, float] = field(default_factory=dict)
    _begun: dict[str, float] = field(default_factory=dict)
    _spent: dict[str, float] = field(default_factory=dict)
    _late: set[str] = field(default_factory=set)

    def start(self, work: Work) -> None:
        """Start the time of a trial, which may take the seconds of its limit."""
        self._limits[work.key], self._begun[work.key] = work.limit, time.monotonic()

    def watch(self, events: Iterable[Event], stop: Callable[[str], None]) -> Iterator[Event]:
        """Yield the events of trials; a trial that takes too long is stopped, and its last event says so."""
        for event in events:
            if event.status is None:
                self._look(event, stop)
                yield event
            else:
                yield self._last(event)

    def _look(self, event: Event, stop: Callable[[str], None]) -> None:
        spent = self._spent[event.key] = self._spent.get(event.key, 0.0) + event.own_seconds
        if event.seconds is None:  # trained in a group, it has no time of its own
            spent = time.monotonic() - self._begun[event.key]
        if spent > self._limits[event.key]:
            self._late.add(event.key)
            stop(event.key)

    def _last(self, event: Event) -> Event:
        is_late = event.key in self._late and event.status == "interrupted"
        limit = self._limits.pop(event.key)
        for times in (self._begun, self._spent):
            times.pop(event.key, None)
        self._late.discard(event.key)
        if not is_late:
            return event
        return replace(event, status="timeout", error=late(event.key, event.epoch, 0.0, limit).error)

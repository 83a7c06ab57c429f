"""Train trials on threads, for the engines of the CPU."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator

from mlpctl.engines.base import Event, Work

BATCHES_AHEAD = 16
"""Batches of events that may wait for the driver per thread; then the thread waits, so that memory stays flat."""


def on_threads(
    works: Iterable[Work], train: Callable[[Work], Iterator[list[Event]]], jobs: int, draining: threading.Event
) -> Iterator[Event]:
    """Yield the events of all works, `jobs` in training at a time; works are taken as threads come free.

    With one job everything happens in the caller's thread, one batch at a time.

    Args:
        works: lazily taken.
        train: yields the events of one work, in batches: handing one over between threads costs 20 µs.
        jobs: threads.
        draining: once set, no more works are taken.
    """
    pending = iter(works)
    if jobs == 1:
        while not draining.is_set() and (work := next(pending, None)) is not None:
            for batch in train(work):
                yield from batch
        return
    events: queue.Queue[list[Event] | BaseException | None] = queue.Queue(maxsize=BATCHES_AHEAD * jobs)
    taking = threading.Lock()

    def labour() -> None:
        try:
            while not draining.is_set():
                with taking:
                    work = next(pending, None)
                if work is None:
                    break
                for batch in train(work):
                    events.put(batch)
        except BaseException as error:  # noqa: BLE001  handed to the driver, which raises it
            events.put(error)
        finally:
            events.put(None)

    for _ in range(jobs):
        threading.Thread(target=labour, daemon=True).start()
    alive = jobs
    while alive:
        some = events.get()
        if isinstance(some, BaseException):
            raise some
        if some is None:
            alive -= 1
        else:
            yield from some

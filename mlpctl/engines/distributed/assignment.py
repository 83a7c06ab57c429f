"""Divide trials among workers by their estimated cost."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

from mlpctl.engines.base import Work

UNDIVIDED_TRIALS = 16
"""Trials of a group that are not divided further: so few lanes take as long as one, on any accelerator."""


def flops_of(work: Work) -> float:
    """Return the floating-point operations of a trial, at least one."""
    return max(1.0, float(work.epochs) * work.data.n_train * work.network.flops_per_example)


def take(works: Iterator[Work], most: float, count: int, rate: float, beside: float) -> list[Work]:
    """Return the next trials that take about `most` seconds together; [] if there are none left.

    Args:
        works: trials, lazily taken, at least one.
        most: seconds.
        count: trials at most.
        rate: seconds per floating-point operation.
        beside: seconds of a trial beside its arithmetic.
    """
    taken: list[Work] = []
    seconds = 0.0
    while seconds < most and len(taken) < count and (work := next(works, None)) is not None:
        taken.append(work)
        seconds += flops_of(work) * rate + beside
    return taken


def balanced_parts(works: Sequence[Work], parts: int) -> Iterable[list[Work]]:
    """Yield the trials in their order, in at most so many parts of about equal cost; none is empty."""
    total = sum(map(flops_of, works))
    share: list[Work] = []
    done, closed = 0.0, 0
    for number, work in enumerate(works):
        share.append(work)
        done += flops_of(work)
        left = parts - closed - 1
        if left and (done >= total * (closed + 1) / parts or len(works) - number - 1 <= left):
            yield share
            share, closed = [], closed + 1
    if share:
        yield share


def groups_for(works: Sequence[Work], devices: int, kind: Callable[[Work], Hashable]) -> list[list[Work]]:
    """Return the trials in groups, each trial in exactly one, the dearest group first.

    Trials of one kind stay together, in their order; a kind that costs more than a device's share of the whole is
    divided into parts of about equal cost. An idle device takes the next group: so the last to end is late by no more
    than the cost of one (Graham 1969: at most 4/3 of the best, but for the estimate of the costs).

    Args:
        works: trials.
        devices: devices that train at the same time.
        kind: function that returns equal values for trials of one program.
    """
    kinds: dict[Hashable, list[Work]] = {}
    for work in works:
        kinds.setdefault(kind(work), []).append(work)
    share = sum(map(flops_of, works)) / devices
    groups: list[list[Work]] = []
    for alike in kinds.values():
        parts = max(1, min(-(-sum(map(flops_of, alike)) // share), len(alike) // UNDIVIDED_TRIALS))
        groups += balanced_parts(alike, int(parts))
    return sorted(groups, key=lambda group: -sum(map(flops_of, group)))

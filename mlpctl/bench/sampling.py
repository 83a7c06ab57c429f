"""Time workloads by turns: rounds in random order, from the settled state on, within a budget of seconds.

Workloads that are compared are timed side by side, and each round draws their order anew: a slow moment of the machine
hits each of them with the same probability. The verdicts in `timing_statistics.py` rest on that. A run during which the
system gave the processor to another program is marked; the unmarked runs show the machine as if it were idle, and are
not chosen by their time.
"""

import random
import time
from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

SETTLED = 0.05  # warm-up ends when two runs in a row differ by less than this share …
WARMUP_RUNS, WARMUP_SECONDS = 30, 3.0  # … or after so many runs or seconds
BLOCK_SECONDS = 0.5  # how long one group is timed before the next one: much longer than a change of threads disturbs
FIRST_LOOK, MOST_LOOKS = 12, 12
"""A group is judged after 12 rounds, then whenever they have doubled, 12 times at most: no budget has 12 · 2¹¹."""

LEAST_ROUNDS = 2  # rounds of each group whatever the budget: one run has no spread
LEAST_UNMARKED = 12  # unmarked runs from which the marked ones are left out

Workload = Callable[[], float]
"""Runs once and returns its seconds, by the clock of the device that did it."""


@dataclass(frozen=True)
class WorkloadGroup:
    """Workloads that are compared with each other."""

    workloads: Mapping[Any, Workload]
    setting: Callable[[], AbstractContextManager[object]] = nullcontext  # entered while they run: threads, TF32


@dataclass(frozen=True)
class TimingPlan:
    """The number of runs and the seconds that a benchmark may take."""

    warmup: int = 3  # untimed runs of each workload at least
    runs: int | None = None  # timed runs of each; None: as many as the verdicts need
    min_runs: int = 24  # timed runs at least where `runs` is None
    max_seconds: float | None = 60.0  # budget of all groups, warm-up included
    seed: int = 0  # of the orders


@dataclass
class Samples:
    """The times of a group, in the order in which they were taken."""

    workloads: tuple[Hashable, ...]  # the columns
    rounds: list[list[float]] = field(default_factory=list)  # seconds; NaN where a round was cut off
    marks: list[list[bool]] = field(default_factory=list)  # whether another program had the processor meanwhile
    settled: dict[Hashable, bool] = field(default_factory=dict)  # whether the time had settled after warm-up
    decided: bool = False  # whether timing ended because there was no more to learn

    def times(self) -> NDArray[np.float64]:
        """Return the seconds (rounds, workloads) of the complete rounds."""
        return self._all()[self._complete()]

    def marked(self) -> NDArray[np.bool_]:
        """Return which runs (rounds, workloads) of the complete rounds are marked."""
        return np.array(self.marks, dtype=np.bool_).reshape(-1, len(self.workloads))[self._complete()]

    def of(self, workload: Hashable, *, marked: bool = False) -> NDArray[np.float64]:
        """Return the seconds (runs,) of one workload: of its unmarked runs if they are not too few, else of all.

        Args:
            workload: one of the columns.
            marked: whether to take all runs in any case.
        """
        column = self.workloads.index(workload)
        times = self._all()[:, column]
        timed = ~np.isnan(times)
        clean = timed & ~np.array([row[column] for row in self.marks], dtype=np.bool_)
        return times[timed if marked or clean.sum() < LEAST_UNMARKED else clean]

    def _all(self) -> NDArray[np.float64]:
        return np.array(self.rounds, dtype=np.float64).reshape(-1, len(self.workloads))

    def _complete(self) -> NDArray[np.bool_]:
        return np.asarray(~np.isnan(self._all()).any(axis=1))


@dataclass
class Measurement:
    """The samples of a benchmark, and how it ended."""

    groups: dict[Any, Samples]
    interrupted: bool = False  # by Ctrl-C
    out_of_time: bool = False  # the budget ended before every group was decided
    seconds: float = 0.0


def sample(
    groups: Mapping[Any, WorkloadGroup],
    plan: TimingPlan,
    *,
    enough: Callable[[Any, Samples], bool] = lambda *_: False,
    note: Callable[[Measurement], None] = lambda _: None,
) -> Measurement:
    """Time all groups; after Ctrl-C or at the end of the budget, return the samples that were taken.

    Args:
        groups: key -> workloads that are compared with each other.
        plan: how much to time.
        enough: called at each look with a group's key and samples; a group for which it holds is left.
        note: called after each block with the samples so far.
    """
    started = time.monotonic()
    order = random.Random(plan.seed)
    measured = Measurement({key: Samples(tuple(group.workloads)) for key, group in groups.items()})
    ends = float("inf") if plan.max_seconds is None else started + plan.max_seconds
    waiting = list(groups)
    try:
        while waiting and not measured.out_of_time:
            for key in order.sample(waiting, len(waiting)):
                samples = measured.groups[key]
                _time_block(groups[key], samples, plan, order, ends, alone=len(waiting) == 1)
                measured.seconds = time.monotonic() - started
                samples.decided = _is_decided(key, samples, plan, enough)
                note(measured)
            waiting = [key for key in waiting if not measured.groups[key].decided]
            measured.out_of_time = bool(waiting) and time.monotonic() >= ends
    except KeyboardInterrupt:
        measured.interrupted = True
    measured.seconds = time.monotonic() - started
    return measured


def next_look(rounds: int) -> int:
    """Return after how many rounds a group that has `rounds` is judged next: 12, 24, 48 and so on."""
    look = FIRST_LOOK
    while look <= rounds:
        look *= 2
    return look


def preemptions() -> int:
    """Return how often the system took the processor from this process; always 0 where it does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def _time_block(
    group: WorkloadGroup, samples: Samples, plan: TimingPlan, order: random.Random, ends: float, *, alone: bool
) -> None:
    """Time a group for BLOCK_SECONDS, to its next look at most."""
    until = min(time.monotonic() + BLOCK_SECONDS, ends)
    last = plan.runs or next_look(len(samples.rounds))
    count = len(samples.workloads)
    with group.setting():
        if not samples.rounds:
            for workload, run in group.workloads.items():
                samples.settled[workload] = _warm_up(run, plan.warmup)
            until = max(until, time.monotonic() + BLOCK_SECONDS / 2)
        elif not alone:  # another group has filled caches and threads with its own
            for run in group.workloads.values():
                run()
        while True:
            samples.rounds.append([float("nan")] * count)
            samples.marks.append([False] * count)
            for column in order.sample(range(count), count):
                if len(samples.rounds) > LEAST_ROUNDS and time.monotonic() >= ends:
                    return  # a round of large workloads may take long
                before = preemptions()
                samples.rounds[-1][column] = group.workloads[samples.workloads[column]]()
                samples.marks[-1][column] = preemptions() != before
            n = len(samples.rounds)
            if n >= last or (n >= LEAST_ROUNDS and time.monotonic() >= until):
                return


def _is_decided(key: object, samples: Samples, plan: TimingPlan, enough: Callable[[Any, Samples], bool]) -> bool:
    n = len(samples.rounds)
    if plan.runs is not None:
        return n >= plan.runs
    is_look = next_look(n) != next_look(n - 1)
    return is_look and n >= plan.min_runs and enough(key, samples)


def _warm_up(run: Workload, at_least: int) -> bool:
    """Run until the time settles; return whether it did."""
    started = time.monotonic()
    last = run()
    for number in range(1, WARMUP_RUNS):
        now = run()
        if number >= at_least and abs(now - last) <= SETTLED * last:
            return True
        if number >= at_least and time.monotonic() - started > WARMUP_SECONDS:
            break
        last = now
    return False

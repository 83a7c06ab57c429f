"""Takes times: works by turns in random order, in rounds and blocks, from the steady state on, within a budget.

What is compared is timed side by side, and the order within each round is drawn anew: a slow moment of the machine then
hits any work as likely as another, whatever the moment looks like. That is what the verdicts rest on (`verdicts.py`).

A run from which the system took the processor for another program is marked. Who looks at the unmarked runs alone sees
the machine as if it were idle, and does not choose by the time itself.
"""

import random
import time
from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

SETTLED = 0.05
"""Warm-up ends when two runs in a row differ by less than this …"""

WARMUP_RUNS, WARMUP_SECONDS = 30, 3.0
"""… or after so many runs, or so long: whatever it is waiting for, the rounds then show it."""

BLOCK_SECONDS = 0.5
"""How long one group is timed before the next has its turn: much longer than a change of threads disturbs."""

FIRST_LOOK = 12
"""Rounds after which a group is judged first; then whenever they have doubled."""

LOOKS = 12
"""How often it is judged at most: 12 · 2¹¹ rounds are more than any budget has."""

LEAST = 2
"""Rounds of each group whatever the budget: one run has no spread."""

FEWEST = 12
"""Unmarked runs from which the marked are left out."""

Once = Callable[[], float]
"""Does its work once and returns the seconds of it, as the device's own clock has them."""


@dataclass(frozen=True)
class Group:
    """Works that are compared with each other, and how the machine is set while they run.

    Attributes:
        works: what is done -> a function that does it once and returns its seconds.
        setting: opened before the works run and closed after (threads, TF32).
    """

    works: Mapping[Any, Once]
    setting: Callable[[], AbstractContextManager[object]] = nullcontext


@dataclass(frozen=True)
class Plan:
    """How much is timed.

    Attributes:
        warmup: untimed runs of each work at least.
        runs: timed runs of each work; None takes as many as the verdicts need.
        min_runs: timed runs at least, where `runs` is None.
        max_seconds: budget of the whole, warm-up included; None for no end.
        seed: of the orders.
    """

    warmup: int = 3
    runs: int | None = None
    min_runs: int = 24
    max_seconds: float | None = 60.0
    seed: int = 0


@dataclass
class Samples:
    """The times of a group.

    Attributes:
        works: the columns.
        rounds: seconds, a row a round, in the order in which they were taken; NaN where Ctrl-C came before.
        marks: of each run, whether another program had the processor for a while.
        blocks: of each round, the number of its block: the rounds of a block were taken without a pause.
        cold: seconds of each work's very first run.
        settled: whether each work's time had settled when warm-up ended.
        decided: whether timing ended because there was no more to learn.
    """

    works: tuple[Hashable, ...]
    rounds: list[list[float]] = field(default_factory=list)
    marks: list[list[bool]] = field(default_factory=list)
    blocks: list[int] = field(default_factory=list)
    cold: dict[Hashable, float] = field(default_factory=dict)
    settled: dict[Hashable, bool] = field(default_factory=dict)
    decided: bool = False

    def times(self) -> NDArray[np.float64]:
        """Return the seconds (rounds, works) of the complete rounds."""
        times = np.array(self.rounds, dtype=np.float64).reshape(len(self.rounds), len(self.works))
        return times[~np.isnan(times).any(axis=1)]

    def marked(self) -> NDArray[np.bool_]:
        """Return which runs (rounds, works) of the complete rounds are marked."""
        whole = ~np.isnan(np.array(self.rounds, dtype=np.float64).reshape(len(self.rounds), len(self.works))).any(
            axis=1
        )
        return np.array(self.marks, dtype=np.bool_).reshape(len(self.marks), len(self.works))[whole]

    def of(self, work: Hashable, *, all_: bool = False) -> NDArray[np.float64]:
        """Return the seconds (runs,) of one work: of its unmarked runs if they are not too few, else of all."""
        place = self.works.index(work)
        times = np.array([row[place] for row in self.rounds], dtype=np.float64)
        there = ~np.isnan(times)
        clean = there & ~np.array([row[place] for row in self.marks], dtype=np.bool_)
        return times[there if all_ or clean.sum() < FEWEST else clean]


@dataclass
class Measured:
    """What came of a benchmark.

    Attributes:
        groups: key of a group -> its samples.
        interrupted: whether Ctrl-C ended it.
        out_of_time: whether the budget ended it before every group was decided.
        seconds: that it took.
    """

    groups: dict[Any, Samples]
    interrupted: bool = False
    out_of_time: bool = False
    seconds: float = 0.0


def sample(
    groups: Mapping[Any, Group],
    plan: Plan,
    *,
    enough: Callable[[Any, Samples], bool] = lambda *_: False,
    note: Callable[[Measured], None] = lambda _: None,
) -> Measured:
    """Return the times of all groups; after Ctrl-C, or when the budget is used up, those that were taken.

    Args:
        groups: key -> works that are compared with each other.
        plan: how much to time.
        enough: asked at each look whether a group's samples say all that they can; then the group is left.
        note: told after each block how far it is.
    """
    started = time.monotonic()
    order = random.Random(plan.seed)
    measured = Measured({key: Samples(tuple(group.works)) for key, group in groups.items()})
    ends = None if plan.max_seconds is None else started + plan.max_seconds
    waiting, block = list(groups), 0
    try:
        while waiting and not measured.out_of_time:
            for key in order.sample(waiting, len(waiting)):
                _block(groups[key], measured.groups[key], plan, order, block, ends, len(waiting) == 1)
                measured.seconds = time.monotonic() - started
                measured.groups[key].decided = _is_over(key, measured.groups[key], plan, enough)
                note(measured)
            block += 1
            waiting = [key for key in waiting if not measured.groups[key].decided]
            measured.out_of_time = bool(waiting) and ends is not None and time.monotonic() >= ends
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
    """Return how often the system has taken a processor from this process; 0 for ever where it does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def _block(
    group: Group, samples: Samples, plan: Plan, order: random.Random, block: int, ends: float | None, alone: bool
) -> None:
    """Time a group for a while, to its next look at most."""
    until = min(time.monotonic() + BLOCK_SECONDS, ends or float("inf"))
    last = plan.runs or next_look(len(samples.rounds))
    with group.setting():
        if not samples.rounds:
            for work, once in group.works.items():
                samples.cold[work], samples.settled[work] = _warm_up(once, plan.warmup)
            until = max(until, time.monotonic() + BLOCK_SECONDS / 2)
        elif not alone:
            for once in group.works.values():  # another group has been at work: caches and threads are its own
                once()
        while True:
            samples.rounds.append([float("nan")] * len(samples.works))
            samples.marks.append([False] * len(samples.works))
            samples.blocks.append(block)
            for place in order.sample(range(len(samples.works)), len(samples.works)):
                if len(samples.rounds) > LEAST and ends is not None and time.monotonic() >= ends:
                    return  # a round of large works may take long
                taken = preemptions()
                samples.rounds[-1][place] = group.works[samples.works[place]]()
                samples.marks[-1][place] = preemptions() != taken
            n = len(samples.rounds)
            if n >= last or (n >= LEAST and time.monotonic() >= until):
                return


def _is_over(key: object, samples: Samples, plan: Plan, enough: Callable[[Any, Samples], bool]) -> bool:
    n = len(samples.rounds)
    if plan.runs is not None:
        return n >= plan.runs
    is_look = next_look(n) != next_look(n - 1)
    return is_look and n >= plan.min_runs and enough(key, samples)


def _warm_up(once: Once, at_least: int) -> tuple[float, bool]:
    """Run until the time settles; return the seconds of the first run and whether it settled."""
    started = time.monotonic()
    first = last = once()
    for number in range(1, WARMUP_RUNS):
        now = once()
        if number >= at_least and abs(now - last) <= SETTLED * last:
            return first, True
        if number >= at_least and time.monotonic() - started > WARMUP_SECONDS:
            break
        last = now
    return first, False

"""Choose the number of lanes of a program: as many as memory holds, and no more than train more per second."""

from collections.abc import Callable, Iterable, Sequence

from mlpctl.engines.lanes.dataset import Resident
from mlpctl.engines.lanes.memory import out_of_memory
from mlpctl.engines.lanes.training import Lane, TrainingGroup
from mlpctl.engines.precision import Precision

MOST_LANES = {"cpu": 64, "mps": 512, "cuda": 8192}
"""Lanes of a program at most. On the CPU more only cost cache."""

SMALLEST_SIZE = 16
"""Lanes that a trial of sizes begins with; it doubles from there."""

SHARE = 0.8
"""Of free memory that a group may take."""

WORTH = 0.05
"""A larger group has to train so much more per second; or the smaller one is as good, and lanes come and go sooner."""

TRIAL_STEPS, SIZE_ROUNDS = 40, 3
"""Steps that a size is timed with, and how often. The last round counts: the first warms up, on CUDA it records too."""

TRIALS_PER_LIFE = 20
"""A trial of sizes is skipped where training takes fewer steps than so many rounds: it would not pay."""


def best_size(seconds_per_step: Callable[[int], float], sizes: Iterable[int]) -> int:
    """Return the size that trains most lanes per second, or a smaller one that is nearly as good.

    Args:
        seconds_per_step: measures a size.
        sizes: growing; measured until growing no longer pays.
    """
    best, rate = 0, 0.0
    for size in sizes:
        now = size / seconds_per_step(size)  # 0 where it does not fit
        if best and now < rate * (1 + WORTH):
            break
        best, rate = size, now
    return best


def doubling(smallest: int, most: int) -> list[int]:
    """Return smallest, twice that, … up to `most`, which is the last."""
    sizes = []
    while smallest < most:
        sizes.append(smallest)
        smallest *= 2
    return [*sizes, most]


def tried_size(lanes: Sequence[Lane], resident: Resident, precision: Precision) -> int:
    """Return the best number of lanes for a program of some trials, measured on copies of them; all where it pays not.

    That all are best says nothing of more than these.
    """
    steps = max(lane.work.epochs * resident.data.n_train // lane.shared.batch_size for lane in lanes)
    if len(lanes) <= 2 * SMALLEST_SIZE or steps < TRIALS_PER_LIFE * TRIAL_STEPS:
        return len(lanes)

    def measure(size: int) -> float:
        return seconds_per_step(lanes[:size], resident, precision)

    return best_size(measure, doubling(SMALLEST_SIZE, len(lanes)))


def seconds_per_step(lanes: Sequence[Lane], resident: Resident, precision: Precision) -> float:
    """Return the seconds of a step of some trials, infinite where they do not fit; the trials are as they were."""
    try:
        running = TrainingGroup([Lane(lane.work, lane.number) for lane in lanes], resident, precision)
        running.begin(None, {})
        return running.timed(TRIAL_STEPS, SIZE_ROUNDS)
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        return float("inf")

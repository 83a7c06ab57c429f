"""What went wrong while a benchmark ran, each with a hint: outliers, slow first runs, throttling, other programs."""

import os
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlpctl.bench.timing import Measured, Samples

FAR = 5.0
"""A run is an outlier when it lies this many quartile distances above the third quartile …"""

MUCH = 0.10
"""… and this share above the median: the outliers of a quiet machine are nobody's concern."""

MANY = 0.02
"""Share of outliers from which they are worth a hint."""

COLD = 1.5
"""A first run that took so many times the median is worth telling: caches, threads, code were not ready."""

DRIFT = 0.05
"""Relative change of speed from the first quarter to the last that is called one."""

BUSY = 0.05
"""Share of the machine's time that others took from which they are named."""


@dataclass(frozen=True)
class Load:
    """Seconds since the machine started, summed over its processors.

    Attributes:
        total: of all processors.
        stolen: that the hypervisor gave to other machines.
        busy: that programs ran.
        own: that this process ran.
        throttles: events in which the processor slowed down to cool, since the start.
    """

    total: float
    stolen: float
    busy: float
    own: float
    throttles: int


def load() -> Load:
    """Return how busy the machine has been until now."""
    import psutil

    times, own = psutil.cpu_times(), os.times()
    stolen = float(getattr(times, "steal", 0.0))
    idle = float(times.idle) + float(getattr(times, "iowait", 0.0))
    total = float(sum(times)) - float(getattr(times, "guest", 0.0)) - float(getattr(times, "guest_nice", 0.0))
    return Load(total, stolen, total - idle - stolen, own.user + own.system, throttle_events())


def throttle_events(folder: Path = Path("/sys/devices/system/cpu")) -> int:
    """Return how often processors slowed down to cool, as far as the kernel tells; 0 where it does not."""
    counts = (path.read_text().strip() for path in folder.glob("cpu[0-9]*/thermal_throttle/*_throttle_count"))
    return sum(int(count) for count in counts if count.isdecimal())


def hints(measured: Measured, before: Load, after: Load) -> list[str]:
    """Return a sentence per disturbance: what was seen, and what to do about it; none where all was quiet."""
    samples = measured.groups.values()
    return [*_others(before, after), *_outliers(samples), *_cold(samples), *_drift(samples)]


def outliers(times: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which of times (runs,) are far above the others."""
    quarter, median, three = np.quantile(times, [0.25, 0.5, 0.75])
    return np.asarray(times > max(three + FAR * (three - quarter), median * (1 + MUCH)))


def drift(samples: Samples) -> float:
    """Return by which share runs took longer in the last quarter than in the first; 0 if that may be chance.

    The common speed of a round is the mean of the logarithms of its works' times, each over its own median. Chance is
    the change between the second and the third quarter, and the spread within the quarters.
    """
    times = samples.times()
    whole = ~samples.marked().any(axis=1)
    times = times[whole] if whole.sum() >= 24 else times
    if len(times) < 24:
        return 0.0
    common = (np.log(times) - np.median(np.log(times), axis=0)).mean(axis=1)  # (rounds,)
    quarters = [np.median(part) for part in np.array_split(common, 4)]
    change = float(quarters[3] - quarters[0])
    steady = all((b - a) * change > -0.25 * change**2 for a, b in pairwise(quarters))
    spread = max(float(np.subtract(*np.quantile(part, [0.75, 0.25]))) for part in np.array_split(common, 4))
    clear = abs(change) > 3 * spread / np.sqrt(len(common) / 4)
    return float(np.expm1(change)) if steady and clear and abs(change) > np.log1p(DRIFT) else 0.0


def _others(before: Load, after: Load) -> Iterable[str]:
    total = after.total - before.total
    if total <= 0:
        return
    stolen = (after.stolen - before.stolen) / total
    others = ((after.busy - before.busy) - (after.own - before.own)) / total
    if stolen > BUSY:
        yield (
            f"{stolen:.0%} of the processors' time went to other virtual machines of the host: measure again at a "
            "quieter hour, or on a machine of your own"
        )
    if others > BUSY:
        yield f"other programs used {others:.0%} of the processors' time: stop them, or measure with fewer --threads"
    if after.throttles > before.throttles:
        yield (
            f"the processor slowed down {after.throttles - before.throttles} times to cool: give it air, or measure "
            "with pauses"
        )


def _outliers(groups: Iterable[Samples]) -> Iterable[str]:
    found = [(int(outliers(column).sum()), len(column)) for some in groups for column in some.times().T if len(column)]
    count, runs = (sum(column) for column in zip(*found, strict=True)) if found else (0, 0)
    if runs and count > MANY * runs:
        yield (
            f"{count} of {runs} runs were outliers, far slower than the rest; medians bear them, but stop other "
            "programs for narrower intervals"
        )


def _cold(groups: Iterable[Samples]) -> Iterable[str]:
    unsettled = list[Hashable]()
    for some in groups:
        unsettled += [work for work, settled in some.settled.items() if not settled]
    if unsettled:
        yield (
            f"{len(unsettled)} works had not settled when warm-up ended, the first of them {unsettled[0]}: raise "
            "--warmup, or stop other programs"
        )


def _drift(groups: Iterable[Samples]) -> Iterable[str]:
    changes = [change for some in groups if (change := drift(some))]
    if not changes:
        return
    worst = max(changes, key=abs)
    if worst > 0:
        yield (
            f"the machine slowed down by up to {worst:.0%} while it was measured, as it does when it gets hot "
            "(throttling) or other programs start: let it cool, set the processor's governor to performance"
        )
    else:
        yield f"the machine got up to {-worst:.0%} faster while it was measured: raise --warmup, or start it when idle"

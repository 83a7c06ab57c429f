"""Detect what disturbed a benchmark (other programs, heat, slow first runs, outliers) and hint at what to do."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlpctl.bench.sampling import Measurement, Samples

FAR, ABOVE = 5.0, 0.10
"""An outlier lies so many quartile distances above the third quartile, and this share above the median."""

OUTLIERS, BUSY, DRIFT = 0.02, 0.05, 0.05
"""From which share on there is a hint: of outliers; of processor time that others took; of a change of speed."""

DRIFT_ROUNDS = 24  # rounds below which no change of speed is told from chance


@dataclass(frozen=True)
class ProcessorTimes:
    """Seconds since the machine started, summed over its processors."""

    total: float
    stolen: float  # that the hypervisor gave to other machines
    busy: float  # that programs ran
    own: float  # that this process ran
    throttled: int  # how often a processor slowed down to cool


def processor_times() -> ProcessorTimes:
    """Return how busy the processors have been until now."""
    import psutil

    times, own = psutil.cpu_times(), os.times()
    stolen = float(getattr(times, "steal", 0.0))
    idle = float(times.idle) + float(getattr(times, "iowait", 0.0))
    total = float(sum(times)) - float(getattr(times, "guest", 0.0)) - float(getattr(times, "guest_nice", 0.0))
    return ProcessorTimes(total, stolen, total - idle - stolen, own.user + own.system, throttle_events())


def throttle_events(folder: Path = Path("/sys/devices/system/cpu")) -> int:
    """Return how often processors slowed down to cool; 0 where the kernel does not tell."""
    counts = (path.read_text().strip() for path in folder.glob("cpu[0-9]*/thermal_throttle/*_throttle_count"))
    return sum(int(count) for count in counts if count.isdecimal())


def noise_hints(measured: Measurement, before: ProcessorTimes, after: ProcessorTimes) -> list[str]:
    """Return a sentence per disturbance: what was seen, and what to do about it."""
    return [*_processor_hints(before, after), *_sample_hints(list(measured.groups.values()))]


def was_disturbed(measured: Measurement, before: ProcessorTimes, after: ProcessorTimes) -> bool:
    """Return whether the machine was busy with something else, or changed its speed, while it was measured."""
    return any(_processor_hints(before, after)) or any(drift(samples) for samples in measured.groups.values())


def outliers(times: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which of times (runs,) are far above the others."""
    quarter, median, three = np.quantile(times, [0.25, 0.5, 0.75])
    return np.asarray(times > max(three + FAR * (three - quarter), median * (1 + ABOVE)))


def drift(samples: Samples) -> float:
    """Return by which share runs took longer in the last quarter than in the first; 0 if that may be chance.

    The speed of a round is the mean of log(time / median of the workload). A drift goes in one direction from quarter
    to quarter, and is large beside the spread within them.
    """
    times = samples.times()
    whole = ~samples.marked().any(axis=1)
    times = times[whole] if whole.sum() >= DRIFT_ROUNDS else times
    if len(times) < DRIFT_ROUNDS:
        return 0.0
    common = (np.log(times) - np.median(np.log(times), axis=0)).mean(axis=1)  # (rounds,)
    parts = np.array_split(common, 4)
    quarters = [np.median(part) for part in parts]
    change = float(quarters[3] - quarters[0])
    steady = all((b - a) * change > -0.25 * change**2 for a, b in pairwise(quarters))
    spread = max(float(np.subtract(*np.quantile(part, [0.75, 0.25]))) for part in parts)
    clear = abs(change) > max(3 * spread / np.sqrt(len(common) / 4), np.log1p(DRIFT))
    return float(np.expm1(change)) if steady and clear else 0.0


def _processor_hints(before: ProcessorTimes, after: ProcessorTimes) -> Iterable[str]:
    total = after.total - before.total
    if total <= 0:
        return
    stolen = (after.stolen - before.stolen) / total
    others = ((after.busy - before.busy) - (after.own - before.own)) / total
    if stolen > BUSY:
        yield (f"{stolen:.0%} of the processors' time went to other virtual machines of the host: measure again at a "
               "quieter hour, or on a machine of your own")  # fmt: skip
    if others > BUSY:
        yield f"other programs used {others:.0%} of the processors' time: stop them, or measure with fewer --threads"
    if (events := after.throttled - before.throttled) > 0:
        yield f"the processor slowed down {events} times to cool: give it air, or measure with pauses"


def _sample_hints(groups: Sequence[Samples]) -> Iterable[str]:
    found = [outliers(column) for samples in groups for column in samples.times().T if len(column)]
    count, runs = sum(int(far.sum()) for far in found), sum(map(len, found))
    if count > OUTLIERS * runs:
        yield (f"{count} of {runs} runs were outliers, far slower than the rest; medians bear them, but stop other "
               "programs for narrower intervals")  # fmt: skip
    if unsettled := [name for samples in groups for name, settled in samples.settled.items() if not settled]:
        yield (f"{len(unsettled)} workloads had not settled when warm-up ended, the first of them {unsettled[0]}: "
               "raise --warmup, or stop other programs")  # fmt: skip
    worst = max((drift(samples) for samples in groups), key=abs, default=0.0)
    if worst > 0:
        yield (f"the machine slowed down by up to {worst:.0%} while it was measured, as it does when it gets hot "
               "(throttling) or other programs start: let it cool, set the processor's governor to performance"
               )  # fmt: skip
    elif worst < 0:
        yield f"the machine got up to {-worst:.0%} faster while it was measured: raise --warmup, or start it when idle"

"""What `mlpctl bench train` measures: a training step by each implementation, on growing width, depth and batch.

Each of the three grows alone while the other two stay at the middle of their lists. All implementations of a point
train the same trial, which is checked; they take turns in random order: what slows the machine slows them all.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.bench.caches import caches
from mlpctl.bench.medians import estimate
from mlpctl.bench.records import Benchmark
from mlpctl.bench.step_cost import Step, step_of
from mlpctl.bench.step_limits import Ceilings, Crossing, Fit, Parts, crossings, fit, parts_of
from mlpctl.bench.timing import FEWEST, Group, Measured, Plan, Samples, sample
from mlpctl.bench.train_steps import LANES, TRAINERS, Trainer, difference, trainers, works_of
from mlpctl.bench.workloads import made
from mlpctl.errors import UsageError, did_you_mean

BENCHMARK = Benchmark("train", 1)

AXES = ("width", "depth", "batch")

NARROW = 0.05
"""A point is left when the interval of every median is narrower than this share of it."""

CEILING = "ceiling"


@dataclass(frozen=True, order=True)
class Point:
    """A network and its minibatch: hidden units of each layer, hidden layers, examples."""

    width: int
    depth: int
    batch: int

    @property
    def layers(self) -> int:
        """Layers with weights: the hidden ones and the outputs."""
        return self.depth + 1


@dataclass(frozen=True)
class Asked:
    """What is to be measured.

    Attributes:
        names: of the implementations, in the order of TRAINERS.
        lists: axis -> its values, growing.
        device: cpu, cuda or cuda:N.
        lanes: trials that the lanes engine trains at a time.
    """

    names: tuple[str, ...]
    lists: Mapping[str, tuple[int, ...]]
    device: str = "cpu"
    lanes: int = LANES

    def line(self, axis: str) -> list[Point]:
        """Return the points at which one axis grows."""
        middle = {name: values[(len(values) - 1) // 2] for name, values in self.lists.items()}
        return [Point(**{**middle, axis: value}) for value in self.lists[axis]]

    @property
    def points(self) -> list[Point]:
        """All points, each once."""
        return list(dict.fromkeys(point for axis in AXES for point in self.line(axis)))


@dataclass
class Timed:
    """What was measured.

    Attributes:
        asked: what was to be.
        steps: point -> what its step computes and moves.
        times: point -> name -> seconds of a step of one trial (rounds,); NaN where a run was disturbed.
        ceilings: what the device allows; None where the times were read from a file without them.
        difference: of the losses, relative, the largest of all.
        left_out: names of implementations that cannot train this, or not on the device.
    """

    asked: Asked
    steps: dict[Point, Step]
    times: dict[Point, dict[str, NDArray[np.float64]]]
    ceilings: Ceilings | None = None
    difference: float = 0.0
    left_out: list[str] = field(default_factory=list)

    def median(self, point: Point, name: str) -> float | None:
        """Return the seconds of a step; None where it was not timed."""
        own = self.times.get(point, {}).get(name)
        return None if own is None else float(np.nanmedian(own))

    def fit(self, name: str) -> Fit | None:
        """Return the model of an implementation's times; None where there are fewer than three points."""
        points = [point for point in self.asked.points if self.median(point, name) is not None]
        if self.ceilings is None or len(points) < 3:
            return None
        floors = [self.ceilings.floor(self.steps[point]) for point in points]
        return fit([p.layers for p in points], floors, [self.median(p, name) or 0.0 for p in points])

    def parts(self, point: Point, name: str, model: Fit | None) -> Parts | None:
        """Return what a step's time is made of; `model` is the fit of the implementation."""
        seconds = self.median(point, name)
        if seconds is None or model is None or self.ceilings is None:
            return None
        return parts_of(self.steps[point], point.layers, seconds, model, self.ceilings)

    def crossings(self, axis: str) -> dict[tuple[str, str], Crossing]:
        """Return (one, other) -> where the faster of two changes along an axis."""
        points = [point for point in self.asked.line(axis) if point in self.times]
        if len(points) < 2:
            return {}
        return crossings([getattr(p, axis) for p in points], [self.times[p] for p in points], self.asked.names)


def asked_for(
    names: Sequence[str], lists: Mapping[str, Sequence[int]], device: str = "cpu", lanes: int = LANES
) -> Asked:
    """Return what is to be measured.

    Raises:
        UsageError: for unknown implementations, numbers below 1, or nothing to do.
        DeviceError: for a device that is not there.
    """
    from mlpctl.system.devices import torch_device

    problems = [f"unknown implementation '{name}': {did_you_mean(name, TRAINERS)}" for name in names
                if name not in TRAINERS]  # fmt: skip
    for axis, values in lists.items():
        problems += [f"{axis} must be 1 at least, got {value}" for value in values if value < 1]
        problems += [] if values else [f"at least one {axis} is needed"]
    problems += [] if names else [f"at least one implementation is needed: {', '.join(TRAINERS)}"]
    problems += [f"lanes must be 1 at least, got {lanes}"] if lanes < 1 else []
    if problems:
        raise UsageError(problems)
    torch_device(device)
    wanted = tuple(name for name in TRAINERS if name in names)
    return Asked(wanted, {axis: tuple(sorted(set(values))) for axis, values in lists.items()}, device, lanes)


def measure(
    asked: Asked, plan: Plan, note: Callable[[Measured], None] = lambda _: None,
    starting: Callable[[str], None] = lambda _: None,
) -> tuple[Measured, Timed]:  # fmt: skip
    """Return the samples, and what they come to; after Ctrl-C what there is.

    Args:
        asked: what is to be measured.
        plan: how much to time.
        note: told how far it is.
        starting: told what is set up, before anything is timed.

    Raises:
        CheckFailed: if two implementations do not train the same trial.
        UsageError: if none can train this on the device.
    """
    works = {point: made(point.width, point.depth, point.batch) for point in asked.points}
    timed = Timed(asked, {point: step_of(work) for point, work in works.items()}, {})
    which = dict.fromkeys(works, asked.names)
    with trainers(works, which, device=asked.device, threads=1, lanes=asked.lanes, note=starting) as trained:
        timed.left_out = [name for name in asked.names if not any(name in own for own in trained.values())]
        if len(timed.left_out) == len(asked.names):
            raise UsageError(f"none of {', '.join(asked.names)} trains on {asked.device}: use --device cpu")
        timed.difference = max(_agreement(own) for own in trained.values())
        groups: dict[Any, Group] = {point: Group(works_of(own)) for point, own in trained.items()}
        groups |= {(CEILING, name): own for name, own in _ceiling_groups(asked.device).items()}
        measured = sample(groups, plan, enough=_enough, note=note)
    ceilings: dict[Any, float] = {}
    for key, samples in measured.groups.items():
        if isinstance(key, Point):
            timed.times[key] = clean(samples)
        elif len(samples.rounds) and len(samples.of(samples.works[0])):
            ceilings[key[1]] = float(samples.of(samples.works[0]).min())
    timed.times = {point: own for point, own in timed.times.items() if own}
    timed.ceilings = _ceilings(ceilings)
    return measured, timed


def clean(samples: Samples) -> dict[str, NDArray[np.float64]]:
    """Return name -> seconds (rounds,) of complete rounds, NaN where a run lost the processor, if enough did not."""
    times, marked = samples.times().copy(), samples.marked()
    few = (~marked).sum(axis=0) < FEWEST
    times[marked & ~few[None, :]] = np.nan
    return {str(name): times[:, k] for k, name in enumerate(samples.works)} if len(times) else {}


def _agreement(trained: Mapping[str, Trainer]) -> float:
    return difference(trained) if len(trained) > 1 else 0.0


def _enough(key: object, samples: Samples) -> bool:
    timed = [estimate(samples.of(work)) for work in samples.works]
    return not isinstance(key, Point) or all(one.high - one.low <= NARROW * one.median for one in timed)


def _ceiling_groups(device: str) -> dict[str, Group]:
    """Return name -> what gives seconds per FLOP ("peak"), or per byte of a level (its bytes, or "memory")."""
    from mlpctl.bench.memory_bandwidth import LEAST_BYTES, OPERANDS, cached_triad, gpu_works
    from mlpctl.bench.peak_flops import GPU_SIZE, library_group, register_works

    if device != "cpu":
        from mlpctl.system.devices import torch_device

        size = 4 * LEAST_BYTES
        triad = gpu_works(torch_device(device), size)["triad", "device"]
        memory = Group({"triad": lambda: triad() / (OPERANDS["triad"] * size)})
        return {"peak": library_group(device, size=GPU_SIZE), "memory": memory}  # a GPU has no other loop to offer
    from mlpctl.bench.memory_bandwidth import Team
    from mlpctl.bench.memory_loops import LOOPS

    loop = LOOPS["triad", "ordinary"]

    def per_byte(size: int) -> Group:
        once = cached_triad(size, loop)
        return Group({"triad": lambda: once() / size})

    peaks, told = register_works(Team(1)), caches()
    largest = max([3 * LEAST_BYTES, *(4 * level.bytes for level in told)])
    levels = {str(level.bytes): per_byte(level.bytes // 2) for level in told}
    return {"peak": Group({"sums": lambda: min(once() for once in peaks.values())}), **levels,
            "memory": per_byte(largest)}  # fmt: skip


def _ceilings(seconds: Mapping[str, float]) -> Ceilings | None:
    if "peak" not in seconds or "memory" not in seconds:
        return None
    rates = [(float(name), 1 / each) for name, each in seconds.items() if name.isdecimal()]
    return Ceilings(1 / seconds["peak"], (*sorted(rates), (float("inf"), 1 / seconds["memory"])))

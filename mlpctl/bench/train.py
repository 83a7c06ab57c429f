"""Measure training steps by each implementation as width, depth and batch grow (d2l exercise 5.2.6).

Each of the three grows alone while the other two stay at the middle of their lists. All implementations of a point
train the same trial, which is checked, and take turns in random order: what slows the machine slows them all.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.bench.records import Benchmark
from mlpctl.bench.roofline import Ceilings, StepCost, ceiling_groups, ceilings_of, step_cost
from mlpctl.bench.sampling import LEAST_UNMARKED, Measurement, Samples, TimingPlan, WorkloadGroup, sample
from mlpctl.bench.step_model import Crossing, StepShares, StepTimeFit, find_crossings, fit_step_times, step_shares
from mlpctl.bench.timing_statistics import is_narrow
from mlpctl.bench.workloads import DEFAULT_LANES, TRAINERS, loss_difference, open_trainers, random_network
from mlpctl.errors import UsageError, did_you_mean

BENCHMARK = Benchmark("train", 1)

SHAPE_AXES = ("width", "depth", "batch")

NARROW = 0.05  # a point is left when the interval of every median is narrower than this share of it


@dataclass(frozen=True, order=True)
class NetworkShape:
    """A network and its minibatch."""

    width: int  # hidden units of each layer
    depth: int  # hidden layers
    batch: int  # examples

    @property
    def layers(self) -> int:
        """Layers with weights: the hidden ones and the outputs."""
        return self.depth + 1


@dataclass(frozen=True)
class TrainOptions:
    """The options of `mlpctl bench train`."""

    names: tuple[str, ...]  # of TRAINERS, in their order
    values: Mapping[str, tuple[int, ...]]  # by axis, growing
    device: str = "cpu"
    lanes: int = DEFAULT_LANES  # trials that the lanes engine trains at a time

    def line(self, axis: str) -> list[NetworkShape]:
        """Return the shapes along one axis."""
        middle = {name: values[(len(values) - 1) // 2] for name, values in self.values.items()}
        return [NetworkShape(**{**middle, axis: value}) for value in self.values[axis]]

    @property
    def shapes(self) -> list[NetworkShape]:
        """All shapes, each once."""
        return list(dict.fromkeys(shape for axis in SHAPE_AXES for shape in self.line(axis)))


@dataclass
class TrainResult:
    """The measured times of training steps, and what explains them."""

    options: TrainOptions
    costs: dict[NetworkShape, StepCost]
    # seconds of a step of one trial by shape and name (rounds,); NaN where a run was disturbed
    times: dict[NetworkShape, dict[str, NDArray[np.float64]]]
    ceilings: Ceilings | None = None  # what the device allows
    difference: float = 0.0  # of the losses, relative, the largest of all
    left_out: list[str] = field(default_factory=list)  # names that cannot train this, or not on the device

    def median(self, shape: NetworkShape, name: str) -> float | None:
        """Return the seconds of a step; None where it was not timed."""
        own = self.times.get(shape, {}).get(name)
        return None if own is None else float(np.nanmedian(own))

    def fit(self, name: str) -> StepTimeFit | None:
        """Return the model of an implementation's times; None where there are fewer than three points."""
        timed = [(shape, seconds) for shape in self.options.shapes if (seconds := self.median(shape, name)) is not None]
        if self.ceilings is None or len(timed) < 3:
            return None
        floors = [self.ceilings.floor(self.costs[shape]) for shape, _ in timed]
        return fit_step_times([shape.layers for shape, _ in timed], floors, [seconds for _, seconds in timed])

    def shares(self, shape: NetworkShape, name: str, model: StepTimeFit | None) -> StepShares | None:
        """Return the parts of a step's time; `model` is the fit of the implementation."""
        seconds, cost = self.median(shape, name), self.costs[shape]
        if seconds is None or model is None or self.ceilings is None:
            return None
        floors = self.ceilings.arithmetic(cost), self.ceilings.memory(cost)
        return step_shares(seconds, model.overhead(shape.layers), *floors)

    def crossings(self, axis: str) -> dict[tuple[str, str], Crossing]:
        """Return (one, other) -> where the faster of two changes along an axis."""
        shapes = [shape for shape in self.options.line(axis) if shape in self.times]
        values = [getattr(shape, axis) for shape in shapes]
        return find_crossings(values, [self.times[shape] for shape in shapes], self.options.names)


def train_options(
    names: Sequence[str], values: Mapping[str, Sequence[int]], device: str = "cpu", lanes: int = DEFAULT_LANES
) -> TrainOptions:
    """Return checked options.

    Raises:
        UsageError: for unknown implementations, numbers below 1, or nothing to do.
        DeviceError: for a device that is not there.
    """
    from mlpctl.system.devices import torch_device

    unknown = [name for name in names if name not in TRAINERS]
    problems = [f"unknown implementation '{name}': {did_you_mean(name, TRAINERS)}" for name in unknown]
    for axis, own in values.items():
        problems += [f"{axis} must be 1 at least, got {value}" for value in own if value < 1]
        problems += [] if own else [f"at least one {axis} is needed"]
    problems += [] if names else [f"at least one implementation is needed: {', '.join(TRAINERS)}"]
    problems += [f"lanes must be 1 at least, got {lanes}"] if lanes < 1 else []
    if problems:
        raise UsageError(problems)
    torch_device(device)
    chosen = tuple(name for name in TRAINERS if name in names)
    return TrainOptions(chosen, {axis: tuple(sorted(set(own))) for axis, own in values.items()}, device, lanes)


def measure_training(
    options: TrainOptions, plan: TimingPlan, note: Callable[[Measurement], None] = lambda _: None
) -> tuple[Measurement, TrainResult]:
    """Time the steps of every shape by every implementation; after Ctrl-C return what there is.

    Raises:
        CheckFailed: if two implementations do not train the same trial.
        UsageError: if none can train this on the device.
    """
    trials = {shape: random_network(shape.width, shape.depth, shape.batch) for shape in options.shapes}
    result = TrainResult(options, {shape: step_cost(trial) for shape, trial in trials.items()}, {})
    with open_trainers(trials, options.names, device=options.device, lanes=options.lanes) as opened:
        result.left_out = [name for name in options.names if not any(name in own for own in opened.values())]
        if len(result.left_out) == len(options.names):
            raise UsageError(f"none of {', '.join(options.names)} trains on {options.device}: use --device cpu")
        result.difference = max(loss_difference(own) if len(own) > 1 else 0.0 for own in opened.values())
        groups: dict[Any, WorkloadGroup] = {
            shape: WorkloadGroup({name: trainer.run for name, trainer in own.items()}) for shape, own in opened.items()
        }
        groups |= ceiling_groups(options.device)
        measured = sample(groups, plan, enough=_is_enough, note=note)
    ceilings = {key: samples for key, samples in measured.groups.items() if isinstance(key, str)}
    result.ceilings = ceilings_of(ceilings)
    result.times = {shape: own for shape, samples in measured.groups.items() if shape not in ceilings
                    and (own := undisturbed(samples))}  # fmt: skip
    return measured, result


def undisturbed(samples: Samples) -> dict[str, NDArray[np.float64]]:
    """Return name -> seconds (rounds,) of complete rounds, NaN where a run lost the processor, if enough did not."""
    times, marked = samples.times(), samples.marked()
    enough = (~marked).sum(axis=0) >= LEAST_UNMARKED
    times[marked & enough] = np.nan
    return {str(name): times[:, k] for k, name in enumerate(samples.workloads)} if len(times) else {}


def _is_enough(key: object, samples: Samples) -> bool:
    return not isinstance(key, NetworkShape) or is_narrow(samples, NARROW)

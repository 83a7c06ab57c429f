"""Estimate the time that trials take, to choose an engine; trials that have ended correct the estimate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mlpctl.data.minibatches import steps_per_epoch

if TYPE_CHECKING:
    from mlpctl.engines.base import Work

REFERENCE_FLOPS, REFERENCE_NUMBER = 9e10, 4e-9
"""Rate of the reference engine's products on one core; seconds per number of a dense input, gathered and converted."""

REFERENCE_EPOCH, REFERENCE_STEP, REFERENCE_LAYER = 1.5e-3, 180e-6, 110e-6
"""Its seconds per epoch, for scoring; per step and per layer of a step, for some ten calls of torch each."""

KERNEL_FLOPS, KERNEL_STEP = 1e11, 1.5e-7
"""The kernel engine's. It reaches 2.4e11 in large products, 1.3e11 with four rows; a gate takes 1e-7 s a step."""


class Load(NamedTuple):
    """Seconds that the trials of a run take on one core, with each engine."""

    reference: float
    kernel: float


@dataclass
class Pace:
    """Time of the reference engine, compared with the estimate.

    Attributes:
        guessed: seconds, for the trials that have ended.
        taken: seconds that they took.
    """

    guessed: float = 0.0
    taken: float = 0.0

    def ended(self, work: "Work", seconds: float) -> None:
        """Take note of a trial that the reference engine has trained; several at a time take their share each."""
        self.guessed += reference_seconds(work)
        self.taken += seconds

    def left(self, load: Load, share: float) -> Load:
        """Return what is left of a load where a share of its trials is left."""
        factor = self.taken / self.guessed if self.guessed else 1.0
        return Load(load.reference * share * factor, load.kernel * share)


def load_of(works: "Sequence[Work]", trials: int) -> Load:
    """Return the load of so many trials, of which some works are the first."""
    share = trials / len(works)
    return Load(share * sum(map(reference_seconds, works)), share * sum(map(kernel_seconds, works)))


def reference_seconds(work: "Work") -> float:
    """Estimate the seconds of the reference engine for a trial, on one core."""
    data = work.data
    numbers = data.n_train * data.n_inputs * isinstance(data.X, np.ndarray)
    step = REFERENCE_STEP + REFERENCE_LAYER * len(work.network.layers)
    epoch = REFERENCE_EPOCH + REFERENCE_NUMBER * numbers + _seconds(work, REFERENCE_FLOPS, step)
    return (work.spec.epochs or 0) * epoch


def kernel_seconds(work: "Work") -> float:
    """Estimate the seconds of the kernel engine for a trial, on one core."""
    return (work.spec.epochs or 0) * _seconds(work, KERNEL_FLOPS, KERNEL_STEP)


def _seconds(work: "Work", flops: float, step: float) -> float:
    """Return the seconds of an epoch's steps."""
    n = work.data.n_train
    return n * work.network.flops_per_example / flops + steps_per_epoch(work.spec, n) * step

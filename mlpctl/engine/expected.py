"""About how long a trial takes: good to a factor of two, which is enough to choose an engine by."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mlpctl.engine.order import steps_per_epoch

if TYPE_CHECKING:
    from mlpctl.data.prepare import Data
    from mlpctl.engine.base import Work
    from mlpctl.models.network import Network
    from mlpctl.spec import Spec

REFERENCE_FLOPS, REFERENCE_NUMBER = 9e10, 4e-9
"""Rate of the reference engine's products on one core; seconds per number of a dense input, gathered and converted."""

REFERENCE_EPOCH, REFERENCE_STEP, REFERENCE_LAYER = 1.5e-3, 100e-6, 60e-6
"""Its seconds per epoch, for scoring; per step and per layer of a step, for some ten calls of torch each."""

KERNEL_FLOPS, KERNEL_STEP = 1e11, 1.5e-7
"""The kernel engine's. It reaches 2.4e11 in large products, 1.3e11 with four rows; a gate takes 1e-7 s a step."""


class Load(NamedTuple):
    """What the trials of a run take on one core, in seconds, by what trains them."""

    reference: float
    kernel: float


def load_of(works: "Sequence[Work]", trials: int) -> Load:
    """Return the load of so many trials, of which some works are the first."""
    share = trials / len(works)
    shapes = [(work.spec, work.network, work.data) for work in works]
    reference = sum(reference_seconds(*shape) for shape in shapes)
    return Load(share * reference, share * sum(kernel_seconds(*shape) for shape in shapes))


def reference_seconds(spec: "Spec", network: "Network", data: "Data") -> float:
    """Return about how long the reference engine takes for a trial on one core, in seconds."""
    step = REFERENCE_STEP + REFERENCE_LAYER * len(network.layers)
    is_dense = isinstance(data.X, np.ndarray)
    numbers = data.n_train * data.n_inputs * is_dense
    epoch = REFERENCE_EPOCH + REFERENCE_NUMBER * numbers + _seconds(spec, network, data, REFERENCE_FLOPS, step)
    return (spec.epochs or 0) * epoch


def kernel_seconds(spec: "Spec", network: "Network", data: "Data") -> float:
    """Return about how long the kernel engine takes for a trial on one core, in seconds."""
    return (spec.epochs or 0) * _seconds(spec, network, data, KERNEL_FLOPS, KERNEL_STEP)


def _seconds(spec: "Spec", network: "Network", data: "Data", flops: float, step: float) -> float:
    """Return the seconds of an epoch's steps."""
    return data.n_train * network.flops_per_example / flops + steps_per_epoch(spec, data.n_train) * step

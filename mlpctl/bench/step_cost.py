"""What a training step computes and moves, counted from the shapes: the two axes of a roofline.

FLOPs are those of `mlpctl.models.cost`: multiplications and additions of the matrix products. Bytes are counted as
if nothing stayed in a cache between two operations: each product reads its two operands and writes its result, the
update reads parameters, gradients and the optimizer's memory and writes what it changes. Of sparse inputs only what is
stored counts, and of the first layer's weights only the rows that it meets.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlpctl.models.constants import HAS_FIRST, HAS_SECOND
from mlpctl.models.cost import cost_of, memory_of

if TYPE_CHECKING:
    from mlpctl.engines.base import Work

INDEX_BYTES = 8
"""Of the column of a stored number, as compiled code takes it."""


@dataclass(frozen=True)
class Step:
    """One step of one trial over a full minibatch.

    Attributes:
        flops: multiplications and additions of the products.
        bytes: read and written.
        resident: bytes that training goes over in every step: what a cache has to hold.
    """

    flops: float
    bytes: float
    resident: float

    @property
    def intensity(self) -> float:
        """FLOPs per byte."""
        return self.flops / self.bytes


def step_of(work: "Work") -> Step:
    """Return what a step of a trial costs."""
    spec, network, data = work.spec, work.network, work.data
    assert isinstance(spec.batch_size, int)
    batch, size = min(spec.batch_size, data.n_train), np.dtype(spec.dtype).itemsize
    stored = float(data.n_inputs)  # numbers of an example that are there
    wide = data.X.dtype.itemsize
    if not isinstance(data.X, np.ndarray):
        stored, wide = float(data.X.nnz / data.X.shape[0]), data.X.dtype.itemsize + INDEX_BYTES
    met = min(float(data.n_inputs), stored * batch)  # rows of the first weights that a minibatch meets
    flops = moved = 0.0
    memories = (spec.optimizer in HAS_FIRST) + (spec.optimizer in HAS_SECOND)
    for number, layer in enumerate(network.layers):
        cost = cost_of(layer, first=not number)
        share = 1.0 if number else stored / data.n_inputs
        flops += share * batch * (cost.forward + cost.backward)
        weights = layer.n_weights * (1.0 if number else met / data.n_inputs)
        inputs = batch * (layer.inputs * size if number else stored * wide)
        outputs = batch * layer.outputs * len(layer.maps) * size
        products = 3 if number else 2  # forward, gradient of the weights, gradient of the inputs
        moved += products * (inputs + weights * size + outputs)
        moved += (3 + 2 * memories) * (cost.parameters - layer.n_weights + weights) * size
    resident = float(sum(memory_of(network, spec).values()))
    if not isinstance(data.X, np.ndarray):
        resident += batch * (stored * wide - data.n_inputs * size)
    return Step(flops, moved, resident)

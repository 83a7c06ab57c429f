"""Lay out a network in flat arrays, and describe the layout to compiled code.

All parameters of a trial are one vector `theta`, all running statistics one vector `stats`; a table says where each
layer's are. One compiled function then serves every network.

Each layer's outputs are padded with zeros to whole vectors (`padded`), and so are the rows of the next layer's weights;
with the vectors' first number on a cache line. Loops then have no tails. The zeros stay zeros: a padded unit has no
weights, so nothing reaches it, and gives nothing on.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from mlpctl.engines.kernel.arguments import own_address
from mlpctl.engines.kernel.processor import vector_width
from mlpctl.spec import Activation, Loss, Optimizer

if TYPE_CHECKING:
    from mlpctl.models.learner import State
    from mlpctl.models.network import Layer, Network
    from mlpctl.spec import Spec

# Columns of the table of layers.
INPUTS, OUTPUTS, UNITS, ACTIVATION, NORMALIZED, DROPPED, WEIGHT, BIAS, GAMMA, BETA, STATS = range(11)
N_COLUMNS = 11

CACHE_LINE = 64
"""Bytes."""

# Entries of the vector of integers.
OPTIMIZER, LOSS, SUMMED, BATCH, CLASSES, DROP_BELOW, SEED_LOW, SEED_HIGH = range(8)
N_WHOLE = 8

# Entries of the vector of numbers, float64.
MOMENTUM, BETA1, BETA2, ALPHA, EPS, DECAY, KEPT, DELTA, LOW, HIGH, THRESHOLD = range(11)
N_REAL = 11

ACTIVATIONS: tuple[str, ...] = (*get_args(Activation), "step")
KINDS = ("constant", "uniform", "normal")
LOSSES: tuple[str, ...] = get_args(Loss)
OPTIMIZERS: tuple[str, ...] = get_args(Optimizer)
"""Codes in the compiled code are positions in these."""


class ArrayPlace(NamedTuple):
    """Place of an array: its first number, its shape, the padded shape, whether it is a running statistic."""

    start: int
    shape: tuple[int, ...]
    padded: tuple[int, ...]
    is_statistic: bool


@dataclass(eq=False)  # not frozen, which takes a microsecond longer
class Layout:
    """A network in flat arrays.

    Attributes:
        layers: of the network.
        table: uint64 (layers, columns above); INPUTS are the rows of W and OUTPUTS its columns, as padded; UNITS the
            outputs that there are.
        where: address of the table.
        n_theta: length of theta.
        n_stats: length of stats.
        whole: entries above.
        real: entries above.
    """

    layers: tuple["Layer", ...]
    table: NDArray[np.uint64]
    where: int
    n_theta: int
    n_stats: int
    whole: list[int]
    real: list[float]

    def places(self) -> Iterator[tuple[str, ArrayPlace]]:
        """Yield the name of each array of the network, and where it is in theta or stats."""
        for number, (layer, row) in enumerate(zip(self.layers, self.table.tolist(), strict=True)):
            outputs, ends = row[OUTPUTS], (layer.outputs,)
            matrix = ArrayPlace(row[WEIGHT], (layer.inputs, layer.outputs), (row[INPUTS], outputs), False)
            yield f"{number}.weight", matrix
            yield f"{number}.bias", ArrayPlace(row[BIAS], ends, (outputs,), False)
            if layer.batch_norm:
                yield f"{number}.bn_weight", ArrayPlace(row[GAMMA], ends, (outputs,), False)
                yield f"{number}.bn_bias", ArrayPlace(row[BETA], ends, (outputs,), False)
                yield f"{number}.running_mean", ArrayPlace(row[STATS], ends, (outputs,), True)
                yield f"{number}.running_var", ArrayPlace(row[STATS] + outputs, ends, (outputs,), True)


def layout_of(network: "Network", spec: "Spec") -> Layout:
    """Return the flat form of a network and of a resolved spec's hyperparameters."""
    rows = []
    theta = stats = 0
    inputs = network.layers[0].inputs
    for layer in network.layers:
        row, outputs = [0] * N_COLUMNS, padded(layer.outputs)  # a list: numpy takes 0.1 µs an entry
        row[INPUTS], row[OUTPUTS], row[UNITS] = inputs, outputs, layer.outputs
        row[ACTIVATION] = ACTIVATIONS.index(layer.activation)
        row[NORMALIZED], row[DROPPED] = layer.batch_norm, layer.dropout > 0
        row[WEIGHT], row[BIAS] = theta, theta + inputs * outputs
        theta += (inputs + 1) * outputs
        if layer.batch_norm:
            row[GAMMA], row[BETA], row[STATS] = theta, theta + outputs, stats
            theta += 2 * outputs
            stats += 2 * outputs
        rows.append(row)
        inputs = outputs
    table = np.array(rows, np.uint64)
    return Layout(network.layers, table, own_address(table), theta, stats, _whole(network, spec), _real(network, spec))


def deepest(layout: Layout, batch: int) -> int:
    """Return the longest dimension of a trial's products."""
    return max(batch, int(layout.table[:, [INPUTS, OUTPUTS]].max()))


def with_hyperparameters(layout: Layout, network: "Network", spec: "Spec") -> Layout:
    """Return the layout of a trial that has the layers of another."""
    whole, real = _whole(network, spec), _real(network, spec)
    return Layout(layout.layers, layout.table, layout.where, layout.n_theta, layout.n_stats, whole, real)


def padded(n: int) -> int:
    """Return n rounded up to whole vectors."""
    width = vector_width()
    return -(-n // width) * width


def aligned_zeros(n: int, dtype: str) -> NDArray[Any]:
    """Return n zeros that begin on a cache line (64 bytes)."""
    line = CACHE_LINE // np.dtype(dtype).itemsize
    zeros = np.zeros(n + line, dtype)
    skipped = -own_address(zeros) // zeros.itemsize % line
    return zeros[skipped : skipped + n]


def _whole(network: "Network", spec: "Spec") -> list[int]:
    assert isinstance(spec.batch_size, int)
    assert spec.loss is not None
    whole = [0] * N_WHOLE
    whole[OPTIMIZER] = OPTIMIZERS.index(spec.optimizer or "sgd")
    whole[LOSS] = LOSSES.index(spec.loss)
    whole[SUMMED] = spec.reduction == "sum"
    whole[BATCH], whole[CLASSES] = spec.batch_size, network.n_classes
    assert not isinstance(spec.dropout, tuple)
    whole[DROP_BELOW] = int((spec.dropout or 0.0) * 2**32)
    whole[SEED_LOW], whole[SEED_HIGH] = spec.data_key & 0xFFFFFFFF, spec.data_key >> 32
    return whole


def _real(network: "Network", spec: "Spec") -> list[float]:
    real = [0.0] * N_REAL
    real[MOMENTUM] = spec.momentum or 0.0
    real[BETA1], real[BETA2] = spec.betas or (0.0, 0.0)
    real[ALPHA], real[EPS] = spec.alpha or 0.0, spec.eps or 0.0
    real[DECAY] = spec.weight_decay or 0.0
    assert not isinstance(spec.dropout, tuple)
    real[KEPT] = 1 / (1 - (spec.dropout or 0.0))
    real[DELTA] = network.huber_delta
    real[LOW], real[HIGH] = network.target_values
    real[THRESHOLD] = network.threshold
    return real


def pack(layout: Layout, weights: "State", theta: NDArray[Any], stats: NDArray[Any]) -> None:
    """Set theta and stats, zeros before, to weights by name."""
    for name, place in layout.places():
        _view(place, theta, stats)[...] = weights[name]


def unpack(layout: Layout, theta: NDArray[Any], stats: NDArray[Any]) -> "State":
    """Return the weights by name, copied."""
    return {name: _view(place, theta, stats).copy() for name, place in layout.places()}


def _view(place: ArrayPlace, theta: NDArray[Any], stats: NDArray[Any]) -> NDArray[Any]:
    array = stats if place.is_statistic else theta
    whole = array[place.start : place.start + math.prod(place.padded)].reshape(place.padded)
    return whole[tuple(slice(n) for n in place.shape)]

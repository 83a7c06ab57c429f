"""How a network lies in flat arrays: what the compiled code is told about it.

All parameters of a trial are one vector `theta`, all running statistics one vector `stats`; a table says where each
layer's are. One compiled function then serves every network.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from mlpctl.spec import Activation, Loss, Optimizer

if TYPE_CHECKING:
    from mlpctl.engine.base import State
    from mlpctl.models.network import Network
    from mlpctl.spec import Spec

# Columns of the table of layers.
INPUTS, OUTPUTS, ACTIVATION, NORMALIZED, DROPPED, WEIGHT, BIAS, GAMMA, BETA, STATS = range(10)

# Entries of the vector of integers.
OPTIMIZER, LOSS, SUMMED, BATCH, CLASSES, DROP_BELOW, SEED_LOW, SEED_HIGH = range(8)

# Entries of the vector of numbers, of the trial's dtype.
MOMENTUM, BETA1, BETA2, ALPHA, EPS, DECAY, KEPT, DELTA, LOW, HIGH, THRESHOLD = range(11)

ACTIVATIONS: tuple[str, ...] = (*get_args(Activation), "step")
LOSSES: tuple[str, ...] = get_args(Loss)
OPTIMIZERS: tuple[str, ...] = get_args(Optimizer)
"""Codes in the compiled code are positions in these."""


@dataclass(frozen=True, eq=False)
class Layout:
    """A network in flat arrays.

    Attributes:
        table: uint64 (layers, 10), the columns above.
        names: parameter name -> (offset in theta or stats, shape, whether it is a statistic).
        n_theta: length of theta.
        n_stats: length of stats.
        whole: int64 entries above.
        real: entries above, of the trial's dtype.
    """

    table: NDArray[np.uint64]
    names: dict[str, tuple[int, tuple[int, ...], bool]]
    n_theta: int
    n_stats: int
    whole: NDArray[np.int64]
    real: NDArray[Any]


def layout_of(network: "Network", spec: "Spec") -> Layout:
    """Return the flat form of a network and of a resolved spec's hyperparameters."""
    table = np.zeros((len(network.layers), 10), dtype=np.uint64)
    names: dict[str, tuple[int, tuple[int, ...], bool]] = {}
    theta = stats = 0
    for number, layer in enumerate(network.layers):
        row = table[number]
        row[[INPUTS, OUTPUTS]] = layer.inputs, layer.outputs
        row[ACTIVATION] = ACTIVATIONS.index(layer.activation)
        row[NORMALIZED], row[DROPPED] = layer.batch_norm, layer.dropout > 0
        parts: list[tuple[int, str, tuple[int, ...]]] = [
            (WEIGHT, "weight", (layer.inputs, layer.outputs)),
            (BIAS, "bias", (layer.outputs,)),
        ]
        if layer.batch_norm:
            parts += [(GAMMA, "bn_weight", (layer.outputs,)), (BETA, "bn_bias", (layer.outputs,))]
            row[STATS] = stats
            for name in ("running_mean", "running_var"):
                names[f"{number}.{name}"] = (stats, (layer.outputs,), True)
                stats += layer.outputs
        for column, name, shape in parts:
            row[column] = theta
            names[f"{number}.{name}"] = (theta, shape, False)
            theta += int(np.prod(shape))
    return Layout(table, names, theta, stats, _whole(network, spec), _real(network, spec))


def _whole(network: "Network", spec: "Spec") -> NDArray[np.int64]:
    assert isinstance(spec.batch_size, int)
    assert spec.loss is not None
    whole = np.zeros(8, dtype=np.int64)
    whole[OPTIMIZER] = OPTIMIZERS.index(spec.optimizer or "sgd")
    whole[LOSS] = LOSSES.index(spec.loss)
    whole[SUMMED] = spec.reduction == "sum"
    whole[BATCH], whole[CLASSES] = spec.batch_size, network.n_classes
    whole[DROP_BELOW] = int((spec.dropout or 0.0) * 2**32)
    whole[[SEED_LOW, SEED_HIGH]] = spec.data_key & 0xFFFFFFFF, spec.data_key >> 32
    return whole


def _real(network: "Network", spec: "Spec") -> NDArray[Any]:
    real = np.zeros(11, dtype=spec.dtype)
    real[MOMENTUM] = spec.momentum or 0.0
    real[[BETA1, BETA2]] = spec.betas or (0.0, 0.0)
    real[ALPHA], real[EPS] = spec.alpha or 0.0, spec.eps or 0.0
    real[DECAY] = spec.weight_decay or 0.0
    real[KEPT] = 1 / (1 - (spec.dropout or 0.0))
    real[DELTA] = network.huber_delta
    real[[LOW, HIGH]] = network.target_values
    real[THRESHOLD] = network.threshold
    return real


def pack(layout: Layout, weights: "State", dtype: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return (theta, stats) of weights by name."""
    theta, stats = np.zeros(layout.n_theta, dtype), np.zeros(max(layout.n_stats, 1), dtype)
    for name, (start, shape, is_statistic) in layout.names.items():
        target = stats if is_statistic else theta
        target[start : start + int(np.prod(shape))] = weights[name].reshape(-1)
    return theta, stats


def unpack(layout: Layout, theta: NDArray[Any], stats: NDArray[Any]) -> "State":
    """Return the weights by name, copied."""
    return {
        name: (stats if is_statistic else theta)[start : start + int(np.prod(shape))].reshape(shape).copy()
        for name, (start, shape, is_statistic) in layout.names.items()
    }

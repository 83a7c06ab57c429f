"""Compute what sources print of a network before it is trained: its layers, its parameters, its outputs."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import nn

    from mlpctl.models.network import Network


def _network(*sizes: int, batch_norm: int = 0) -> "Network":
    """Return a ReLU network with so many units, inputs first; its first hidden layers with batch normalization."""
    from itertools import pairwise

    from mlpctl.models.network import Layer, Network

    hidden = (
        Layer(inputs, outputs, "relu", number <= batch_norm)
        for number, (inputs, outputs) in enumerate(pairwise(sizes[:-1]), start=1)
    )
    return Network((*hidden, Layer(sizes[-2], sizes[-1])), "cross_entropy", 1.0, sizes[-1], (0.0, 1.0), 0.0)


def _modules(network: "Network") -> "tuple[nn.Module, ...]":
    """Return the network as each implementation in torch.nn builds it."""
    from mlpctl.models.concise import sequential
    from mlpctl.models.module import Stack

    return sequential(network), Stack(network)


def _spread_over_equal_rows() -> NDArray[np.float64]:
    """Return the largest difference between outputs of three equal examples."""
    import torch

    with torch.no_grad():
        outputs = [net(torch.ones(3, 3)) for net in _modules(_network(3, 2, 3, 4))]
    return np.array([[float((z - z[0]).abs().max())] for z in outputs])


def _layers_without_last() -> NDArray[np.float64]:
    from mlpctl.inspection.loader import upto

    network = upto(_network(3, 2, 3, 4), 2)
    return np.array([[len(list(net.children()))] for net in _modules(network)], dtype=np.float64)


def _parameters() -> NDArray[np.float64]:
    """Return the number of parameter tensors of the network for iris, and the shape of the first."""
    rows = []
    for net in _modules(_network(4, 128, 64, 32, 16, 3, batch_norm=3)):
        tensors = list(net.parameters())
        rows.append([len(tensors), *tensors[0].shape])
    return np.array(rows, dtype=np.float64)


NETWORK_FACTS: dict[str, Callable[[], NDArray[np.float64]]] = {
    "3-2-3-4 of three equal examples: largest difference of outputs": _spread_over_equal_rows,
    "3-2-3-4 without its last layer: layers": _layers_without_last,
    "4-128-64-32-16-3 with batch normalization on three: parameter tensors, shape of the first": _parameters,
}
"""Fact by name -> function of its numbers (implementations, numbers)."""

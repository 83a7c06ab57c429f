"""Compose the layers of a network without nonlinearity: affine maps, one after the other, are one affine map."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.inspection.loader import outputs_of
from mlpctl.models.constants import BN_EPS
from mlpctl.models.network import Layer

if TYPE_CHECKING:
    from mlpctl.models.network import Network
    from mlpctl.runner.trial import Trial


def is_affine(network: "Network") -> bool:
    """Return whether every activation is the identity, so that the network in evaluation is an affine map."""
    return all(layer.activation == "identity" and not layer.product for layer in network.layers)


def compose(network: "Network", weights: Mapping[str, NDArray[Any]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (W, b), W (D, C) and b (C,), with X W + b the outputs of a network without nonlinearity.

    In evaluation, batch normalization is affine too: its running statistics are constants, and dropout does nothing.

    Args:
        network: all of its activations the identity.
        weights: by name.
    """
    assert is_affine(network)
    n_inputs = network.layers[0].inputs
    W, b = np.eye(n_inputs), np.zeros(n_inputs)
    for number, layer in enumerate(network.layers):
        own = {name: weights[f"{number}.{name}"].astype(np.float64) for name in layer.shapes}
        W, b = W @ own["weight"], b @ own["weight"] + own.get("bias", 0.0)  # (D, outputs), (outputs,)
        if layer.batch_norm:
            scale = own["bn_weight"] / np.sqrt(own["running_var"] + BN_EPS)
            W, b = W * scale, (b - own["running_mean"]) * scale + own["bn_bias"]
    return W, b


def as_one_layer(network: "Network", weights: Mapping[str, NDArray[Any]]) -> "tuple[Network, dict[str, NDArray[Any]]]":
    """Return the network of a single layer that computes the same, and its weights, of the same dtype as before."""
    W, b = compose(network, weights)
    dtype = weights["0.weight"].dtype
    one = replace(network, layers=(Layer(network.layers[0].inputs, network.n_outputs),))
    return one, {"0.weight": W.astype(dtype), "0.bias": b.astype(dtype)}


def composed_difference(
    trial: "Trial", weights: "dict[str, NDArray[Any]]", rows: NDArray[np.int64]
) -> tuple[float, float]:
    """Return (largest difference from the outputs of the composed map, largest output), both in the trial's dtype.

    Args:
        trial: network without nonlinearity, and its data.
        weights: by name.
        rows: examples of the data (B,).
    """
    data = trial.work().data
    outputs = outputs_of(trial.network, trial.spec, weights, data, rows)
    one, composed = as_one_layer(trial.network, weights)
    difference = np.abs(outputs_of(one, trial.spec, composed, data, rows) - outputs)
    return float(difference.max()), float(np.abs(outputs).max())

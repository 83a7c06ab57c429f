"""Build the network that a spec describes for a dataset."""

from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mlpctl.models.gates import gate_layers
from mlpctl.models.network import Layer, Network
from mlpctl.models.own import OwnNetwork, own_model
from mlpctl.spec import Activation, Loss, is_own_model

if TYPE_CHECKING:
    from mlpctl.data.prepare import Data
    from mlpctl.spec import Spec

CLASS_LOSSES: tuple[Loss, ...] = ("cross_entropy", "nll", "bce", "perceptron")
"""Losses that compare with a class, not with a number."""

SINGLE_OUTPUT_LOSSES: tuple[Loss, ...] = ("bce", "perceptron", "mse", "half_mse", "huber", "l1")
"""Losses under which two classes need one output."""


def build_network(spec: "Spec", data: "Data", image_shape: tuple[int, int] | None = None) -> Network:
    """Return the network that a resolved spec describes for these data; `image_shape` of inputs that are images."""
    assert spec.loss is not None
    assert spec.widths is not None
    if data.task == "regression":
        n_outputs = int(data.y.shape[1])
    else:
        n_outputs = 1 if data.n_classes == 2 and spec.loss in SINGLE_OUTPUT_LOSSES else data.n_classes
    ends = (
        spec.loss, spec.huber_delta or 1.0, data.n_classes, _target_values(spec.loss, data.label_values),
        data.target_mean, data.target_spread, class_weights(spec, data),
    )  # fmt: skip
    if spec.model is not None and is_own_model(spec.model):
        shape = (data.n_inputs,) if image_shape is None else (1, *image_shape)
        threshold = 0.0 if spec.loss in CLASS_LOSSES else sum(_target_values(spec.loss, data.label_values)) / 2
        return OwnNetwork(
            (Layer(data.n_inputs, n_outputs),), *ends[:4], threshold, *ends[4:], own_model(spec.model), shape,
            tuple(sorted(spec.params.items())),
        )  # fmt: skip
    if spec.model == "gate":
        return _network(gate_layers(spec), *ends)
    return _stack(
        (data.n_inputs, *spec.widths, n_outputs), spec.activation or "identity", spec.batch_norm or (),
        spec.dropout or 0.0, spec.bias, spec.model == "parallel", *ends,
    )  # fmt: skip


@lru_cache(maxsize=256)  # the network of a learning rate is that of the one before: a tenth of a trial of a gate
def _stack(
    sizes: tuple[int, ...],
    activation: Activation,
    batch_norm: tuple[int | Literal["all"], ...],
    dropout: float | tuple[float, ...],
    bias: bool,
    product: bool,
    *ends: Any,
) -> Network:
    normalized = range(1, len(sizes) - 1) if batch_norm == ("all",) else batch_norm
    drops = dropout if isinstance(dropout, tuple) else (dropout,) * (len(sizes) - 2)
    hidden = (
        Layer(inputs, outputs, activation, number in normalized, drop, bias, product)
        for number, ((inputs, outputs), drop) in enumerate(zip(pairwise(sizes[:-1]), drops, strict=True), start=1)
    )
    return _network((*hidden, Layer(sizes[-2], sizes[-1], bias=bias)), *ends)


def _network(
    layers: tuple[Layer, ...], loss: Loss, huber_delta: float, n_classes: int, target_values: tuple[float, float],
    target_mean: tuple[float, ...], target_spread: tuple[float, ...], weights: tuple[float, ...],
) -> Network:  # fmt: skip
    threshold = 0.0 if loss in CLASS_LOSSES else sum(target_values) / 2
    return Network(layers, loss, huber_delta, n_classes, target_values, threshold, target_mean, target_spread, weights)


def class_weights(spec: "Spec", data: "Data") -> tuple[float, ...]:
    """Return the weight of each class, n / (K · examples of it in the training part); () where all count alike.

    Source: King and Zeng 2001, Political Analysis 9; scikit-learn calls it balanced.
    """
    if spec.class_weight is None:
        return ()
    counts = np.bincount(data.y[data.parts["train"]], minlength=data.n_classes)
    return tuple((data.n_train / (data.n_classes * np.maximum(counts, 1))).tolist())


def _target_values(loss: Loss, label_values: tuple[float, float]) -> tuple[float, float]:
    if loss == "bce":
        return 0.0, 1.0
    return (-1.0, 1.0) if loss == "perceptron" else label_values

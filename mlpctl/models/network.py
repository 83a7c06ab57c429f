"""Describe a network as a stack of dense layers, without a framework, so that every engine can build it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlpctl.spec import Activation, Loss

WEIGHTS = ("weight", "second_weight")
"""Names of the parameters of a layer that are matrices: what regularization is for."""


def is_weight(name: str) -> bool:
    """Return whether a parameter, by its name LAYER.NAME, is a weight: no bias, nothing of a normalization."""
    return name.rpartition(".")[2] in WEIGHTS


@dataclass(frozen=True)
class Layer:
    """Dense layer: affine map, batch normalization if asked for, activation, dropout.

    Its parameters: weight (inputs, outputs), bias (outputs,); with batch_norm also bn_weight and bn_bias (outputs,)
    and the running statistics running_mean and running_var (outputs,). With product, two affine maps of the same
    inputs are multiplied with each other, and there are second_weight and second_bias too.
    """

    inputs: int
    outputs: int
    activation: Activation | Literal["step"] = "identity"
    batch_norm: bool = False
    dropout: float = 0.0
    bias: bool = True
    product: bool = False

    @property
    def maps(self) -> tuple[tuple[str, str | None], ...]:
        """Return the names of the weight and the bias of each affine map; None without biases."""
        names = tuple(zip(WEIGHTS, ("bias", "second_bias"), strict=True))[: 1 + self.product]
        return tuple((weight, bias if self.bias else None) for weight, bias in names)

    @property
    def idle_bias(self) -> bool:
        """Return whether the bias changes nothing: a normalization takes it out again.

        Its gradient is zero then. What a sum shows is rounding, which Adam would scale up to its full step: so it is
        set to zero everywhere.
        """
        return self.batch_norm and self.bias and not self.product

    @property
    def n_weights(self) -> int:
        """Return how many numbers its weight matrices have."""
        return self.inputs * self.outputs * len(self.maps)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return name -> shape of its parameters and running statistics."""
        shapes: dict[str, tuple[int, ...]] = {}
        for weight, bias in self.maps:
            shapes |= {weight: (self.inputs, self.outputs)} | ({bias: (self.outputs,)} if bias else {})
        names = ("bn_weight", "bn_bias", "running_mean", "running_var") if self.batch_norm else ()
        return shapes | dict.fromkeys(names, (self.outputs,))


@dataclass(frozen=True)
class Network:
    """Stack of layers, and the loss that its outputs are compared by.

    Attributes:
        layers: from the inputs to the outputs.
        loss: by name, see `mlpctl.models.numpy`.
        huber_delta: δ of the Huber loss.
        n_classes: number of classes K; 0 for regression.
        target_values: numbers for "not this class" and "this class" where the loss wants numbers.
        threshold: output above which class 1 is predicted, with a single output.
        target_mean: mean of each target that was subtracted from it; () where targets are not scaled.
        target_spread: standard deviation that it was divided by then.
        class_weights: weight of each class in the loss that is minimized; () where all count alike.
    """

    layers: tuple[Layer, ...]
    loss: Loss
    huber_delta: float
    n_classes: int
    target_values: tuple[float, float]
    threshold: float
    target_mean: tuple[float, ...] = ()
    target_spread: tuple[float, ...] = ()
    class_weights: tuple[float, ...] = ()

    def in_own_units(self, numbers: NDArray[Any]) -> NDArray[np.float64]:
        """Return outputs or scaled targets (B, C) of a regression in the targets' own units."""
        if not self.target_spread:
            return numbers.astype(np.float64)
        return numbers.astype(np.float64) * self.target_spread + self.target_mean

    @property
    def n_outputs(self) -> int:
        """Return C, the number of outputs."""
        return self.layers[-1].outputs

    @property
    def n_parameters(self) -> int:
        """Return how many numbers are trained: weights, biases, and two per normalized unit."""
        per_unit = (len(layer.maps) * layer.bias + 2 * layer.batch_norm for layer in self.layers)
        return sum(layer.n_weights + n * layer.outputs for layer, n in zip(self.layers, per_unit, strict=True))

    @cached_property
    def flops_per_example(self) -> int:
        """Return the multiplications and additions of a training step per example: forward, and twice that backward.

        The gradient with respect to the inputs of the network is not needed, and not counted.
        """
        weights = [layer.n_weights for layer in self.layers]
        return 6 * sum(weights) - 2 * weights[0]

"""What a model is made of: a stack of dense layers, described without a framework, so that every engine builds it."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from mlpctl.spec import Activation, Loss

if TYPE_CHECKING:
    from mlpctl.data.prepare import Data
    from mlpctl.spec import Spec


@dataclass(frozen=True)
class Layer:
    """A dense layer: affine map, batch normalization if asked for, activation, dropout.

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
        """Names of the weight and the bias of each affine map; None without biases."""
        names = (("weight", "bias"), ("second_weight", "second_bias"))[: 1 + self.product]
        return tuple((weight, bias if self.bias else None) for weight, bias in names)

    @property
    def idle_bias(self) -> bool:
        """Whether the bias changes nothing: a normalization takes it out again.

        Its gradient is zero then. What a sum shows is rounding, which Adam would scale up to its full step: so it is
        set to zero everywhere.
        """
        return self.batch_norm and self.bias and not self.product

    @property
    def n_weights(self) -> int:
        """Numbers in its weight matrices."""
        return self.inputs * self.outputs * len(self.maps)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name -> shape of its parameters and running statistics."""
        shapes: dict[str, tuple[int, ...]] = {}
        for weight, bias in self.maps:
            shapes |= {weight: (self.inputs, self.outputs)} | ({bias: (self.outputs,)} if bias else {})
        names = ("bn_weight", "bn_bias", "running_mean", "running_var") if self.batch_norm else ()
        return shapes | dict.fromkeys(names, (self.outputs,))


@dataclass(frozen=True)
class Network:
    """A stack of layers and what its outputs are compared with.

    Attributes:
        layers: from the inputs to the outputs.
        loss: see `mlpctl.models.losses`.
        huber_delta: of the Huber loss.
        n_classes: K; 0 for regression.
        target_values: the numbers for "not this class" and "this class" where the loss wants numbers.
        threshold: with a single output, class 1 is predicted above it.
    """

    layers: tuple[Layer, ...]
    loss: Loss
    huber_delta: float
    n_classes: int
    target_values: tuple[float, float]
    threshold: float

    @property
    def n_outputs(self) -> int:
        """C."""
        return self.layers[-1].outputs

    @property
    def n_parameters(self) -> int:
        """Trained numbers: weights, biases, and two per normalized unit."""
        per_unit = (len(layer.maps) * layer.bias + 2 * layer.batch_norm for layer in self.layers)
        return sum(layer.n_weights + n * layer.outputs for layer, n in zip(self.layers, per_unit, strict=True))

    @cached_property
    def flops_per_example(self) -> int:
        """Multiplications and additions of one training step per example: forward, and twice that backward.

        The gradient with respect to the inputs of the network is not needed, and not counted.
        """
        weights = [layer.n_weights for layer in self.layers]
        return 6 * sum(weights) - 2 * weights[0]


CLASS_LOSSES: tuple[Loss, ...] = ("cross_entropy", "nll", "bce", "perceptron")
"""Losses that compare with a class, not with a number."""

SINGLE_OUTPUT_LOSSES: tuple[Loss, ...] = ("bce", "perceptron", "mse", "half_mse", "huber", "l1")
"""Losses under which two classes need one output."""


def build(spec: "Spec", data: "Data") -> Network:
    """Return the network that a resolved spec describes for these data."""
    from mlpctl.models.gates import gate_layers

    assert spec.loss is not None
    assert spec.widths is not None
    if data.task == "regression":
        n_outputs = int(data.y.shape[1])
    else:
        n_outputs = 1 if data.n_classes == 2 and spec.loss in SINGLE_OUTPUT_LOSSES else data.n_classes
    ends = spec.loss, spec.huber_delta or 1.0, data.n_classes, _target_values(spec.loss, data.label_values)
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
    dropout: float,
    bias: bool,
    product: bool,
    *ends: Any,
) -> Network:
    normalized = range(1, len(sizes) - 1) if batch_norm == ("all",) else batch_norm
    hidden = (
        Layer(inputs, outputs, activation, number in normalized, dropout, bias, product)
        for number, (inputs, outputs) in enumerate(pairwise(sizes[:-1]), start=1)
    )
    return _network((*hidden, Layer(sizes[-2], sizes[-1], bias=bias)), *ends)


def _network(
    layers: tuple[Layer, ...], loss: Loss, huber_delta: float, n_classes: int, target_values: tuple[float, float]
) -> Network:
    threshold = 0.0 if loss in CLASS_LOSSES else sum(target_values) / 2
    return Network(layers, loss, huber_delta, n_classes, target_values, threshold)


def _target_values(loss: Loss, label_values: tuple[float, float]) -> tuple[float, float]:
    if loss == "bce":
        return 0.0, 1.0
    return (-1.0, 1.0) if loss == "perceptron" else label_values

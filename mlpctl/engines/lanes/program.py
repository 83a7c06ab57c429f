"""Compute the batched program: forward, backward and update of all lanes by hand, without a graph and without a sync.

What a lane computes is what `mlpctl.models.numpy` defines. The loss is the sum over lanes of each lane's loss, so that
every lane takes the step it would take alone.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from mlpctl.engines.lanes.activations import POINTWISE
from mlpctl.engines.lanes.arrays import REMEMBERED, Arrays, layer_and_parameter, whole, wide
from mlpctl.engines.lanes.batch_norm import Normalized, normalize, normalize_backward, normalize_by_running
from mlpctl.engines.lanes.dropout import Dropout
from mlpctl.engines.lanes.layout import Span
from mlpctl.engines.lanes.losses import loss_and_gradient
from mlpctl.engines.lanes.optimizers import Numbers, update
from mlpctl.engines.lanes.products import accumulate, affine, matrix_product
from mlpctl.models.learner import memory_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from mlpctl.engines.base import Work


@dataclass
class Seen:
    """Values of a layer's forward pass that the backward pass needs.

    Attributes:
        u: pre-activations (n, columns).
        a: activations.
        normalized: of batch normalization, or None.
        mask: units kept, or None.
        out: inputs of the next layer.
    """

    u: "Tensor"
    a: "Tensor"
    normalized: Normalized | None
    mask: "Tensor | None"
    out: "Tensor"


class Program:
    """The layers of all lanes, over buffers that stay where they are."""

    def __init__(self, arrays: Arrays, works: "Sequence[Work]", batch: int, *, half: bool) -> None:
        """Make buffers for minibatches of `batch` examples; `works` are the lanes', in order."""
        self.arrays, self.layout, self.half = arrays, arrays.layout, half
        self.network, self.optimizer = works[0].network, works[0].spec.optimizer or "sgd"
        device, dtype = arrays.device, arrays.tensors["0.weight"].dtype
        self.dropout = Dropout(self.layout, works, device, dtype)
        self.decays = any(work.spec.weight_decay for work in works)
        layers = range(self.layout.depth)
        width = [self.layout.columns[layer][-1] for layer in layers]
        self.us, self.gradients = ([wide(batch, columns, device, dtype) for columns in width] for _ in range(2))
        self.activated = [
            layer for layer in layers if {name for name, _ in self.layout.activations(layer)} != {"identity"}
        ]
        self.activations = {
            layer: self.us[layer] if self._by_output(layer) else wide(batch, width[layer], device, dtype)
            for layer in self.activated
        }
        if self.optimizer != "sgd":
            self.by_first = torch.zeros_like(arrays.tensors["0.weight"])
        self.lane_of_column = arrays.lane_of_column  # made here, and not by the first step, which may be recorded
        self.columns: dict[int, Tensor] = {}

    def step(
        self, X: "Tensor", y: "Tensor", numbers: Numbers, epochs: "Tensor", t: "Tensor"
    ) -> "tuple[Tensor, Tensor]":
        """Take a step in all lanes; return the losses (n, R) and the outputs (n, R, C) from before it.

        Args:
            X: inputs of each cohort's minibatch (cohorts, n, D).
            y: each lane's targets (n, R) or (n, R, C).
            numbers: hyperparameters of this step.
            epochs: each cohort's.
            t: step of the epoch (1,).
        """
        seen = self.forward(X, epochs, t)
        n, lanes = X.shape[1], self.layout.n_lanes
        z = torch.unflatten(seen[-1].out, 1, (lanes, -1))  # (n, R, C)
        losses, gradient = loss_and_gradient(self.network, z, y)  # (n, R), (n, R, C)
        by_output = torch.unflatten(self.gradients[-1][:n], 1, (lanes, -1))
        torch.mul(gradient, numbers.of("scale")[None, :, None], out=by_output)
        self.backward(X, seen, numbers)
        return losses, z

    def forward(self, X: "Tensor", epochs: "Tensor", t: "Tensor") -> list[Seen]:
        """Return the values of each layer in training."""
        n = X.shape[1]
        seen: list[Seen] = []
        for layer in range(self.layout.depth):
            u = self.us[layer][:n]
            self._affine(layer, seen[-1].out if layer else X, u)
            normalized = None
            if self.network.layers[layer].batch_norm:
                u, normalized = normalize(self.arrays, layer, u)
            a = self._activate(layer, u, u if self._by_output(layer) else self.activations[layer][:n])
            mask = self.dropout.mask(layer, n, epochs, t) if layer in self.dropout.layers else None
            out = a if mask is None else self.dropout.drop(layer, a, mask)
            seen.append(Seen(u, a, normalized, mask, out))
        return seen

    def backward(self, X: "Tensor", seen: list[Seen], numbers: Numbers) -> None:
        """Take the gradient, which lies in the last layer's buffer, to every layer, and step."""
        for layer in reversed(range(self.layout.depth)):
            record, n = seen[layer], X.shape[1]
            gradient = self.gradients[layer][:n]
            if record.mask is not None:
                self.dropout.drop_(layer, gradient, record.mask)
            if layer in self.activations:
                for name, (g, u, a) in self._by_activation(layer, gradient, record.u, record.a):
                    POINTWISE[name].backward(g, u, a)
            own_numbers = self._by_column(layer, numbers)
            if record.normalized is not None:
                gradient, *by_norm = normalize_backward(self.arrays, layer, gradient, record.normalized)
                for name, by in zip(("bn_weight", "bn_bias"), by_norm, strict=True):
                    self._update(f"{layer}.{name}", by, own_numbers)
            if layer:
                for span in self.layout.products(layer):
                    by_input = self._inputs(self.gradients[layer - 1][:n], layer, span)
                    weights = self._stack(f"{layer}.weight", span)
                    matrix_product(_units(gradient, span), weights.transpose(1, 2), by_input, half=self.half)
            idle = self.network.layers[layer].idle_bias
            if f"{layer}.bias" in self.arrays.tensors and (self.decays or not idle):
                bias = self.arrays.tensors[f"{layer}.bias"]
                self._update(f"{layer}.bias", torch.zeros_like(bias) if idle else gradient.sum(dim=0), own_numbers)
            if layer:
                self._step_stacks(layer, seen[layer - 1].out, gradient, numbers)
            else:
                self._step_first(X, gradient, own_numbers)

    def outputs(self, X: "Tensor") -> "Tensor":
        """Return the outputs (n, R, C) in evaluation of inputs (n, D) that all lanes are given."""
        a = X
        for layer in range(self.layout.depth):
            u = wide(len(X), self.layout.columns[layer][-1], X.device, X.dtype, make=torch.empty)
            self._affine(layer, a, u)
            if self.network.layers[layer].batch_norm:
                u = normalize_by_running(self.arrays, layer, u)
            a = self._activate(layer, u, u if self._by_output(layer) else torch.empty_like(u))
        return torch.unflatten(a, 1, (self.layout.n_lanes, -1))

    def _affine(self, layer: int, x: "Tensor", u: "Tensor") -> None:
        """Fill u (n, columns) by a layer's affine maps of x: (n, columns), the first's (n, D) or (cohorts, n, D)."""
        tensors = self.arrays.tensors
        bias = tensors[f"{layer}.bias"][None] if f"{layer}.bias" in tensors else None  # (1, columns)
        if layer:
            for span in self.layout.products(layer):
                own = None if bias is None else _units(bias, span)
                weights = self._stack(f"{layer}.weight", span)
                affine(self._inputs(x, layer, span), weights, own, _units(u, span), half=self.half)
        elif x.dim() == 2 or len(x) == 1:
            own = None if bias is None else whole(bias[0])[None]
            affine(x.reshape(-1, x.shape[-1]), whole(tensors["0.weight"]), own, whole(u), half=self.half)
        else:
            for own_x, (weight, own_u, *rest) in self._minibatches(
                x, tensors["0.weight"], u, *([] if bias is None else [bias])
            ):
                affine(own_x, weight, rest[0] if rest else None, own_u, half=self.half)

    def _minibatches(self, X: "Tensor", *matrices: "Tensor") -> "Iterator[tuple[Tensor, list[Tensor]]]":
        """Yield each minibatch with its columns of some wide matrices; all in one stack where all are equally wide."""
        spans = self.layout.minibatches
        if len(spans) > 1 and len({span.stop - span.start for span in spans}) == 1:
            yield X, [torch.unflatten(matrix, 1, (len(spans), -1)).transpose(0, 1) for matrix in matrices]
            return
        for k, span in enumerate(spans):
            yield X[k], [matrix[:, span.start : span.stop] for matrix in matrices]

    def _by_output(self, layer: int) -> bool:
        """Return whether a layer's backward pass needs no pre-activations: then its activations may overwrite them."""
        return all(POINTWISE[name].by_output for name, _ in self.layout.activations(layer))

    def _by_column(self, layer: int, numbers: Numbers) -> Numbers:
        """Return the hyperparameters of each column of a layer; as they are where no step will read them."""
        if self.optimizer == "sgd" and not self.decays:
            return numbers
        index = self.lane_of_column[layer]
        if layer not in self.columns:
            self.columns[layer] = numbers.lane.index_select(1, index)
        return Numbers(numbers.step.index_select(1, index), self.columns[layer])

    def _activate(self, layer: int, u: "Tensor", a: "Tensor") -> "Tensor":
        if layer in self.activations:
            for name, (own_u, own_a) in self._by_activation(layer, u, a):
                if a is not u or name != "identity":
                    POINTWISE[name].forward(own_u, own_a)
        return a

    def _by_activation(self, layer: int, *matrices: "Tensor") -> "Iterator[tuple[str, list[Tensor]]]":
        """Yield each activation of a layer with its columns of some wide matrices.

        A single activation gets the matrices with their padding where all have the same: CUDA is a third faster on
        what is contiguous.
        """
        spans = self.layout.activations(layer)
        if len(spans) == 1 and len({matrix.stride(0) for matrix in matrices}) == 1:
            yield spans[0][0], [whole(matrix) for matrix in matrices]
            return
        for name, span in spans:
            yield name, [matrix[:, span.start : span.stop] for matrix in matrices]

    def _step_first(self, X: "Tensor", gradient: "Tensor", numbers: Numbers) -> None:
        """Step the first layer's weights; in plain SGD the product of inputs and gradients goes straight into them."""
        weight, sgd = self.arrays.tensors["0.weight"], self.optimizer == "sgd"
        if sgd and self.decays:
            weight *= numbers.of("shrink")
        for x, (own, by_u) in self._minibatches(X, weight if sgd else self.by_first, gradient):
            (accumulate if sgd else matrix_product)(x.transpose(-1, -2), by_u, own, half=self.half)
        if not sgd:
            self._update("0.weight", self.by_first, numbers)

    def _step_stacks(self, layer: int, x: "Tensor", gradient: "Tensor", numbers: Numbers) -> None:
        """Step a later layer's weights, a span of one shape at a time."""
        name, sgd = f"{layer}.weight", self.optimizer == "sgd"
        memory = [memory_name(name, what) for what in REMEMBERED[self.optimizer]]
        for span in self.layout.products(layer):
            weights, own = self._stack(name, span), numbers.stacked(span.first, span.last)
            if sgd and self.decays:
                weights *= own.of("shrink")
            by = weights if sgd else torch.empty_like(weights)
            inputs = self._inputs(x, layer, span).transpose(1, 2)  # (lanes, inputs, n)
            (accumulate if sgd else matrix_product)(inputs, _units(gradient, span), by, half=self.half)
            if not sgd:
                remembered = [self._stack(what, span) for what in memory]
                update(self.optimizer, weights, by, remembered, own, decays=self.decays)

    def _update(self, name: str, gradient: "Tensor", numbers: Numbers) -> None:
        tensors = self.arrays.tensors
        memory = [tensors[memory_name(name, what)] for what in REMEMBERED[self.optimizer]]
        update(self.optimizer, tensors[name], gradient, memory, numbers, decays=self.decays)

    def _stack(self, name: str, span: Span) -> "Tensor":
        """Return the weights (lanes, inputs, outputs) of a span, or what is remembered of them."""
        layer, _ = layer_and_parameter(name)
        inputs = self.layout.fan_in(layer, span.first)
        return self.arrays.place(name, span.first, span.last).view(span.lanes, inputs, span.width)

    def _inputs(self, x: "Tensor", layer: int, span: Span) -> "Tensor":
        """Return the inputs (lanes, n, inputs) of a span, of what the layer before gives (n, columns)."""
        columns = self.layout.columns[layer - 1]
        return _units(x, Span(span.first, span.last, columns[span.first], columns[span.last]))


def _units(x: "Tensor", span: Span) -> "Tensor":
    """Return the columns of a span of a wide matrix (n, columns) as stacks (lanes, n, width); nothing is copied."""
    return torch.unflatten(x[:, span.start : span.stop], 1, (span.lanes, span.width)).transpose(0, 1)

"""Train a network by hand in NumPy: forward pass, backward pass and update, every formula written out.

To be read from top to bottom: activations, batch normalization, dropout, losses, optimizers, then the network that puts
them together. The other implementations in this folder have their parts in the same order, and all of them, and
all engines, are tested to compute what stands here. Shapes: B examples of a minibatch, D inputs, H units, C outputs.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf  # the error function, which NumPy lacks

from mlpctl.errors import DeviceError
from mlpctl.models.constants import BN_EPS, BN_MOMENTUM, LEAKY_SLOPE
from mlpctl.models.learner import OPTIMIZER_PREFIX, STEPS, State, memory_name
from mlpctl.models.network import is_weight

if TYPE_CHECKING:
    from torch import Tensor

    from mlpctl.models.network import Network
    from mlpctl.spec import Spec

Array = NDArray[Any]

# Activations: of pre-activations u (B, H) the activation f(u) and its derivative f'(u), both (B, H).


def relu(u: Array) -> tuple[Array, Array]:
    """Return max(u, 0)."""
    return np.where(u > 0, u, 0.0), (u > 0).astype(u.dtype)


def sigmoid(u: Array) -> tuple[Array, Array]:
    """Return σ(u) = 1 / (1 + exp(-u)), with σ' = σ (1 - σ)."""
    a = 1 / (1 + np.exp(-u))
    return a, a * (1 - a)


def tanh(u: Array) -> tuple[Array, Array]:
    """Return the hyperbolic tangent, with tanh' = 1 - tanh²."""
    a = np.tanh(u)
    return a, 1 - a**2


def leaky_relu(u: Array) -> tuple[Array, Array]:
    """Return u above 0, a hundredth of u below."""
    slope = np.where(u > 0, np.ones_like(u), LEAKY_SLOPE)
    return u * slope, slope


def elu(u: Array) -> tuple[Array, Array]:
    """Return u above 0, exp(u) - 1 below."""
    below = np.expm1(np.minimum(u, 0))
    return np.where(u > 0, u, below), np.where(u > 0, 1.0, below + 1)


def gelu(u: Array) -> tuple[Array, Array]:
    """Return u Φ(u), Φ the distribution function of the standard normal; its derivative is Φ(u) + u φ(u)."""
    cdf = 0.5 * (1 + erf(u / math.sqrt(2)))
    return u * cdf, cdf + u * np.exp(-(u**2) / 2) / math.sqrt(2 * math.pi)


def silu(u: Array) -> tuple[Array, Array]:
    """Return u σ(u)."""
    s = 1 / (1 + np.exp(-u))
    return u * s, s * (1 + u * (1 - s))


def softplus(u: Array) -> tuple[Array, Array]:
    """Return log(1 + exp(u)), with the derivative σ(u)."""
    return np.logaddexp(u, np.zeros_like(u)), 1 / (1 + np.exp(-u))


ACTIVATIONS: dict[str, Callable[[Array], tuple[Array, Array]]] = {
    f.__name__: f for f in (relu, sigmoid, tanh, leaky_relu, elu, gelu, silu, softplus)
} | {"identity": lambda u: (u, np.ones_like(u)), "step": lambda u: ((u > 0).astype(u.dtype), np.zeros_like(u))}

# Batch normalization (Ioffe and Szegedy 2015): mean 0 and variance 1 over the minibatch, then scale γ and shift β.


def normalize(u: Array, running_mean: Array, running_var: Array) -> tuple[Array, Array]:
    """Return (u normalized (B, H), 1 / standard deviation (H,)); move the running statistics (H,) in place."""
    mean = u.mean(axis=0)
    variance = ((u - mean) ** 2).mean(axis=0)
    inverse_sd = 1 / np.sqrt(variance + BN_EPS)
    n = len(u)
    running_mean += BN_MOMENTUM * (mean - running_mean)
    running_var += BN_MOMENTUM * (variance * (n / (n - 1)) - running_var)  # the unbiased estimate
    return (u - mean) * inverse_sd, inverse_sd


def normalize_backward(g: Array, gamma: Array, u_hat: Array, inverse_sd: Array) -> tuple[Array, Array, Array]:
    """Return the gradients of u (B, H), γ and β (H,) from that of γ û + β (B, H); section 3, in one line."""
    by_u = gamma * inverse_sd * (g - g.mean(axis=0) - u_hat * (g * u_hat).mean(axis=0))
    return by_u, (g * u_hat).sum(axis=0), g.sum(axis=0)


# Dropout (Srivastava et al. 2014): units that are kept are scaled up, so that the expected activation stays.


def dropped(a: Array, mask: Array | None, p: float) -> Array:
    """Return a / (1 - p) where the mask (B, H) is true, else 0; the backward pass does the same to the gradient."""
    return a if mask is None else np.where(mask, a / (1 - p), 0.0)


# Losses of each example (B,), and their gradients by the outputs z (B, C). y: classes (B,), or targets (B, C).


def loss_and_gradient(network: "Network", z: Array, y: Array) -> tuple[Array, Array]:
    """Return the losses (B,) and their gradients (B, C)."""
    if network.loss in ("cross_entropy", "nll"):
        return cross_entropy(z, y)
    if network.loss == "perceptron" and network.n_outputs > 1:
        return multiclass_perceptron(z, y)
    loss, slope = elementwise(network.loss, z, numeric_targets(network, z, y), network.huber_delta)
    return loss.mean(axis=1), slope / network.n_outputs


def cross_entropy(z: Array, y: Array) -> tuple[Array, Array]:
    """Return -log p_y with p = softmax(z); the gradient is p, less 1 at the class y."""
    shifted = z - z.max(axis=1, keepdims=True)  # changes no p, and nothing overflows
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    right = one_hot(y, z.shape[1])
    return -np.where(right, log_p, 0.0).sum(axis=1), np.where(right, np.exp(log_p) - 1, np.exp(log_p))


def multiclass_perceptron(z: Array, y: Array) -> tuple[Array, Array]:
    """Return max(0, max over other classes c of z_c - z_y), Kesler's construction; at equality a step is taken."""
    rows = np.arange(len(z))
    rival = np.argmax(np.where(one_hot(y, z.shape[1]), -np.inf, z), axis=1)  # the first of equals
    margin = z[rows, y] - z[rows, rival]
    direction = one_hot(rival, z.shape[1]).astype(z.dtype) - one_hot(y, z.shape[1])
    return np.maximum(-margin, 0), np.where((margin <= 0)[:, None], direction, 0.0)


def elementwise(name: str, z: Array, t: Array, delta: float) -> tuple[Array, Array]:
    """Return the loss and its slope of each output z (B, C) for its target t (B, C); δ of the Huber loss."""
    e = z - t
    if name == "mse":
        return e**2, 2 * e
    if name == "half_mse":
        return e**2 / 2, e
    if name == "l1":
        return np.abs(e), np.sign(e)
    if name == "huber":  # a parabola near 0, a line beyond δ
        return np.where(np.abs(e) < delta, e**2 / 2, delta * (np.abs(e) - delta / 2)), np.clip(e, -delta, delta)
    if name == "bce":  # binary cross-entropy, -t log σ(z) - (1 - t) log(1 - σ(z)), is log(1 + exp(z)) - t z
        return np.logaddexp(z, np.zeros_like(z)) - t * z, 1 / (1 + np.exp(-z)) - t
    assert name == "perceptron"  # the delta rule: a step where the sign is wrong, and at 0
    return np.maximum(-t * z, 0), np.where(t * z <= 0, -t, 0.0)


def numeric_targets(network: "Network", z: Array, y: Array) -> Array:
    """Return the targets (B, C) as numbers: as they are for regression, else low and high per class."""
    if not network.n_classes:
        return y
    low, high = network.target_values
    right = y[:, None] == 1 if network.n_outputs == 1 else one_hot(y, network.n_outputs)
    return np.where(right, np.full_like(z, high), low)


def one_hot(y: Array, n: int) -> Array:
    """Return (B, n) booleans, true at the class of each example."""
    return np.asarray(y[:, None] == np.arange(n))


# Optimizers: a parameter θ with the gradient g becomes θ - change.


def change_of(spec: "Spec", g: Array, lr: float, t: int, remembered: Callable[[str], Array]) -> Array:
    """Return the change of a parameter in step t, counted from 1; `remembered(NAME)` is an array that starts at 0."""
    mu, eps, name = spec.momentum or 0.0, spec.eps or 0.0, spec.optimizer
    if name == "sgd":  # gradient descent: lr g
        return lr * g
    if name in ("momentum", "nesterov"):  # Polyak 1964: lr v with v ← μ v + g; Nesterov 1983 looks ahead: lr (g + μ v)
        v = remembered("velocity")
        v[...] = mu * v + g
        return lr * (g + mu * v if name == "nesterov" else v)
    if name in ("adam", "adamw"):  # Kingma and Ba 2015: averages m of g and v of g², without the bias of their start
        (beta1, beta2), m, v = spec.betas or (0.9, 0.999), remembered("mean"), remembered("square")
        m[...] = beta1 * m + (1 - beta1) * g
        v[...] = beta2 * v + (1 - beta2) * g**2
        denominator: Array = np.sqrt(v) / (1 - beta2**t) ** 0.5 + eps
        return lr / (1 - beta1**t) * m / denominator
    v = remembered("square")
    if name == "adagrad":  # Duchi, Hazan and Singer 2011: lr g / √v, v the sum of g²
        v += g**2
        return lr * g / (np.sqrt(v) + eps)
    assert name == "rmsprop"  # Hinton 2012: lr g / √v, v the moving average of g²; with momentum if there is any
    alpha = spec.alpha or 0.0
    v[...] = alpha * v + (1 - alpha) * g**2
    change = g / (np.sqrt(v) + eps)
    if mu:
        velocity = remembered("velocity")
        velocity[...] = mu * velocity + change
        change = velocity
    return lr * change


# The network: layers forward, layers backward, update.


class NumpyNetwork:
    """Network in training; see `mlpctl.models.learner.Learner`.

    Attributes:
        parameters: "LAYER.NAME" -> weights (inputs, outputs), biases (outputs,), running statistics (outputs,).
        memory: "optimizer/LAYER.NAME/WHAT" -> array that the optimizer keeps; filled on first use.
    """

    def __init__(self, network: "Network", spec: "Spec", state: State, device: str) -> None:
        """Take over a state: initial weights, or what `state` of any learner returned.

        Raises:
            DeviceError: for a device that is not the CPU.
        """
        if device != "cpu":
            raise DeviceError(f"impl numpy computes on the CPU, got {device}: use --device cpu, or --impl manual")
        self.network, self.spec = network, spec
        self.parameters = {k: np.array(array) for k, array in state.items() if not k.startswith(OPTIMIZER_PREFIX)}
        self.memory = {k: np.array(array) for k, array in state.items() if k.startswith(OPTIMIZER_PREFIX)}

    def forward(self, X: Any, masks: Sequence[Array | None] | None) -> tuple[Array, list[dict[str, Any]]]:
        """Return the outputs (B, C), and of each layer what its backward pass needs; masks are None in evaluation."""
        caches = []
        for number, layer in enumerate(self.network.layers):
            own = self._parameters_of(number)
            factors = [X @ own[weight] + (own[bias] if bias else 0) for weight, bias in layer.maps]  # u = X W + b
            u = factors[0] * factors[1] if layer.product else factors[0]
            cache: dict[str, Any] = {"X": X, "factors": factors}
            if layer.batch_norm:
                if masks is None:
                    u_hat = (u - own["running_mean"]) / np.sqrt(own["running_var"] + BN_EPS)
                else:
                    u_hat, cache["inverse_sd"] = normalize(u, own["running_mean"], own["running_var"])
                u, cache["u_hat"] = u_hat * own["bn_weight"] + own["bn_bias"], u_hat
            X, cache["slope"] = ACTIVATIONS[layer.activation](u)
            if masks is not None:
                X = dropped(X, masks[number], layer.dropout)
            caches.append(cache)
        return X, caches

    def backward(self, g: Array, caches: list[dict[str, Any]], masks: Sequence[Array | None]) -> dict[str, Array]:
        """Return the gradient of every parameter from the gradient g (B, C) by the outputs: the chain rule."""
        gradients: dict[str, Array] = {}
        for number, layer in reversed(list(enumerate(self.network.layers))):
            own, cache, found = self._parameters_of(number), caches[number], {}
            g = dropped(g, masks[number], layer.dropout) * cache["slope"]
            if layer.batch_norm:
                g, found["bn_weight"], found["bn_bias"] = normalize_backward(
                    g, own["bn_weight"], cache["u_hat"], cache["inverse_sd"]
                )
            by_us = [g * other for other in reversed(cache["factors"])] if layer.product else [g]
            for (weight, bias), by_u in zip(layer.maps, by_us, strict=True):
                found[weight] = cache["X"].T @ by_u  # (inputs, outputs)
                if bias is not None:
                    found[bias] = 0 * own[bias] if layer.idle_bias else by_u.sum(axis=0)
            if number:  # the gradient by the inputs of the network is not needed
                by_X = [by_u @ own[weight].T for (weight, _), by_u in zip(layer.maps, by_us, strict=True)]
                g = by_X[0] + by_X[1] if layer.product else by_X[0]  # (B, inputs)
            gradients |= {f"{number}.{name}": gradient for name, gradient in found.items()}
        return gradients

    def update(self, gradients: dict[str, Array], lr: float) -> None:
        """Change every parameter by one step of the optimizer."""
        spec, t = self.spec, int(self.memory.get(STEPS, 0)) + 1
        self.memory[STEPS] = np.array(t)
        for name, gradient in gradients.items():
            parameter, g = self.parameters[name], gradient
            decay = spec.weight_decay if spec.decay_biases or is_weight(name) else 0.0
            if spec.l1 and is_weight(name):  # the subgradient of l1·|w|, 0 at 0
                g = g + spec.l1 * np.sign(parameter)
            if decay and spec.optimizer == "adamw":  # decoupled: Loshchilov and Hutter 2019
                parameter *= 1 - lr * decay
            elif decay:
                g = g + decay * parameter
            parameter -= change_of(spec, g, lr, t, partial(self._remembered, name))

    def step(self, X: "Tensor", y: "Tensor", lr: float, masks: "Sequence[Tensor | None]") -> "tuple[Tensor, Tensor]":
        """Take one optimizer step; return the losses (B,) and the outputs (B, C) from before it."""
        import torch

        kept = [None if mask is None else mask.numpy() for mask in masks]
        with np.errstate(all="ignore"):  # as in torch: what overflows is seen in the loss, and ends the trial
            z, caches = self.forward(_array(X), kept)
            losses, g = loss_and_gradient(self.network, z, y.numpy())
            if self.network.class_weights:  # a rare class counts more
                w = np.array(self.network.class_weights, g.dtype)[y.numpy()]
                g = g * w[:, None] / (w.sum() if self.spec.reduction == "mean" else 1)
            elif self.spec.reduction == "mean":
                g = g / len(z)
            gradients = self.backward(g, caches, kept)
            self.update(gradients, lr)
        return torch.from_numpy(losses), torch.from_numpy(z)

    def outputs(self, X: "Tensor") -> "Tensor":
        """Return the outputs (B, C) in evaluation: batch normalization by the running statistics, nothing dropped."""
        import torch

        with np.errstate(all="ignore"):
            return torch.from_numpy(self.forward(_array(X), None)[0])

    def state(self) -> State:
        """Return weights, running statistics and optimizer state as named arrays, copied."""
        return {name: array.copy() for name, array in {**self.parameters, **self.memory}.items()}

    def _parameters_of(self, number: int) -> dict[str, Array]:
        return {name: self.parameters[f"{number}.{name}"] for name in self.network.layers[number].shapes}

    def _remembered(self, parameter: str, what: str) -> Array:
        return self.memory.setdefault(memory_name(parameter, what), np.zeros_like(self.parameters[parameter]))


def _array(X: "Tensor") -> Any:
    """Return inputs (B, D) without torch: the same memory, or CSR where they are sparse."""
    if not X.is_sparse:
        return X.numpy()
    from scipy.sparse import csr_array

    return csr_array((X.values().numpy(), X.indices().numpy()), shape=tuple(X.shape))

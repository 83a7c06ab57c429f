"""Losses per example and their gradients, by hand, for NumPy arrays and torch tensors alike.

Outputs z (B, C); y (B,) classes or (B, C) targets. With t the target as number (one column per output):
cross_entropy and nll: -log softmax(z)_y; mse: mean over outputs of (z - t)²; half_mse: half of it; huber: e²/2 for
|e| < δ, else δ(|e| - δ/2), e = z - t; l1: |e|; bce: softplus(z) - t z; perceptron: max(0, -t z) for one output, else
max(0, max over other classes of z_c - z_y), with the step taken also at equality, as the delta rule does.

`loss` is written so that autograd differentiates it to `gradient` everywhere, at its corners too.
"""

from typing import TYPE_CHECKING

from mlpctl.models.array_namespace import Array, namespace_of

if TYPE_CHECKING:
    from mlpctl.models.network import Network


def loss(network: "Network", z: Array, y: Array) -> Array:
    """Return the loss per example (B,)."""
    xp = namespace_of(z)
    if network.loss in ("cross_entropy", "nll"):
        return -xp.where(one_hot(y, network.n_outputs), log_softmax(z), 0.0).sum(axis=1)
    if network.loss == "perceptron" and network.n_outputs > 1:
        return xp.clip(-_margin(z, y)[0], 0, None)  # torch's slope of clip at its bound is 1: the step at equality
    t = numeric_targets(network, z, y)
    e = z - t
    if network.loss in ("mse", "half_mse"):
        value = e**2 if network.loss == "mse" else e**2 / 2
    elif network.loss == "l1":
        value = xp.abs(e)
    elif network.loss == "huber":
        delta = network.huber_delta
        value = xp.where(xp.abs(e) < delta, e**2 / 2, delta * (xp.abs(e) - delta / 2))
    elif network.loss == "bce":
        value = xp.logaddexp(z, xp.zeros_like(z)) - t * z
    else:
        assert network.loss == "perceptron"
        value = xp.clip(-t * z, 0, None)
    return value.mean(axis=1)


def gradient(network: "Network", z: Array, y: Array) -> Array:
    """Return the gradient (B, C) of each example's loss with respect to its outputs."""
    xp = namespace_of(z)
    if network.loss in ("cross_entropy", "nll"):
        p = xp.exp(log_softmax(z))
        return xp.where(one_hot(y, network.n_outputs), p - 1, p)
    if network.loss == "perceptron" and network.n_outputs > 1:
        margin, rival = _margin(z, y)
        down, up = one_hot(rival, z.shape[1]), one_hot(y, z.shape[1])
        step = xp.where(down, xp.ones_like(z), 0.0) - xp.where(up, xp.ones_like(z), 0.0)
        return xp.where((margin <= 0)[:, None], step, 0.0)
    t = numeric_targets(network, z, y)
    e = z - t
    if network.loss in ("mse", "half_mse"):
        value = 2 * e if network.loss == "mse" else e
    elif network.loss == "l1":
        value = xp.sign(e)
    elif network.loss == "huber":
        value = xp.clip(e, -network.huber_delta, network.huber_delta)
    elif network.loss == "bce":
        value = 1 / (1 + xp.exp(-z)) - t
    else:
        assert network.loss == "perceptron"
        value = xp.where(t * z <= 0, -t, 0.0)
    return value / network.n_outputs


def loss_and_gradient(network: "Network", z: Array, y: Array) -> tuple[Array, Array]:
    """Return the loss per example (B,) and its gradient with respect to the outputs (B, C)."""
    return loss(network, z, y), gradient(network, z, y)


def numeric_targets(network: "Network", z: Array, y: Array) -> Array:
    """Return the targets (B, C) as numbers of z's type: as they are for regression, else low and high per class."""
    if not network.n_classes:
        return y
    low, high = network.target_values
    xp = namespace_of(z)
    chosen = y[:, None] == 1 if network.n_outputs == 1 else one_hot(y, network.n_outputs)
    return xp.where(chosen, xp.full_like(z, high), low)  # (B, C)


def one_hot(y: Array, n: int) -> Array:
    """Return (B, n) booleans, true at each example's class."""
    return y[:, None] == namespace_of(y).arange(n, device=y.device)


def log_softmax(z: Array) -> Array:
    """Return the logarithms of the softmax of each row; the largest is taken out first, so that nothing overflows."""
    xp = namespace_of(z)
    shifted = z - xp.amax(z, axis=1, keepdims=True)
    return shifted - xp.log(xp.exp(shifted).sum(axis=1, keepdims=True))


def _margin(z: Array, y: Array) -> tuple[Array, Array]:
    """Kesler's construction: how far the right class leads (B,), and which other class is the best (B,)."""
    xp = namespace_of(z)
    rival = xp.argmax(xp.where(one_hot(y, z.shape[1]), -xp.inf, z), axis=1)  # the first of equals
    rows = xp.arange(len(z), device=z.device)
    return z[rows, y] - z[rows, rival], rival

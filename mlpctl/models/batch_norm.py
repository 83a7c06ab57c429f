"""Batch normalization and its derivative, by hand, for NumPy arrays and torch tensors alike."""

from dataclasses import dataclass

from mlpctl.models.array_namespace import Array, namespace_of
from mlpctl.models.constants import BN_EPS, BN_MOMENTUM


@dataclass(frozen=True, eq=False)
class Normalized:
    """What the backward pass and the running statistics need of a minibatch.

    Attributes:
        values: normalized pre-activations (B, H).
        inverse_deviation: (H,).
        mean: (H,).
        variance: (H,), of the minibatch: divided by B.
    """

    values: Array
    inverse_deviation: Array
    mean: Array
    variance: Array


def normalize(u: Array) -> Normalized:
    """Return pre-activations (B, H) with mean 0 and variance 1 over the minibatch (Ioffe and Szegedy 2015)."""
    mean = u.mean(axis=0)
    centred = u - mean
    variance = (centred**2).mean(axis=0)
    inverse_deviation = 1 / namespace_of(u).sqrt(variance + BN_EPS)
    return Normalized(centred * inverse_deviation, inverse_deviation, mean, variance)


def normalize_backward(gradient: Array, weight: Array, seen: Normalized) -> tuple[Array, Array, Array]:
    """Return the gradients of the pre-activations (B, H), the weight and the bias (H,); section 3, in one line."""
    along = (gradient * seen.values).mean(axis=0)
    by_u = weight * seen.inverse_deviation * (gradient - gradient.mean(axis=0) - seen.values * along)
    return by_u, (gradient * seen.values).sum(axis=0), gradient.sum(axis=0)


def move_running(running_mean: Array, running_var: Array, mean: Array, variance: Array, n: int) -> None:
    """Change the running statistics (H,) in place by a minibatch of n; the variance as an unbiased estimate."""
    running_mean += BN_MOMENTUM * (mean - running_mean)
    running_var += BN_MOMENTUM * (variance * (n / (n - 1)) - running_var)


def normalize_by_running(u: Array, weight: Array, bias: Array, mean: Array, variance: Array) -> Array:
    """Return pre-activations (B, H) as they are normalized in evaluation."""
    return (u - mean) / namespace_of(u).sqrt(variance + BN_EPS) * weight + bias

"""Activations and their derivatives, by hand, for NumPy arrays and torch tensors alike."""

import math
from collections.abc import Callable

from mlpctl.models.array_namespace import Array, erf, namespace_of
from mlpctl.models.constants import LEAKY_SLOPE


def _relu(u: Array) -> tuple[Array, Array]:
    xp = namespace_of(u)
    return xp.where(u > 0, u, 0.0), xp.where(u > 0, xp.ones_like(u), 0.0)


def _sigmoid(u: Array) -> tuple[Array, Array]:
    a = 1 / (1 + namespace_of(u).exp(-u))
    return a, a * (1 - a)


def _tanh(u: Array) -> tuple[Array, Array]:
    a = namespace_of(u).tanh(u)
    return a, 1 - a**2


def _leaky_relu(u: Array) -> tuple[Array, Array]:
    xp = namespace_of(u)
    slope = xp.where(u > 0, xp.ones_like(u), LEAKY_SLOPE)
    return u * slope, slope


def _elu(u: Array) -> tuple[Array, Array]:
    xp = namespace_of(u)
    below = xp.expm1(xp.clip(u, None, 0))
    return xp.where(u > 0, u, below), xp.where(u > 0, 1.0, below + 1)


def _gelu(u: Array) -> tuple[Array, Array]:
    cdf = 0.5 * (1 + erf(u / math.sqrt(2)))
    return u * cdf, cdf + u * namespace_of(u).exp(-(u**2) / 2) / math.sqrt(2 * math.pi)


def _silu(u: Array) -> tuple[Array, Array]:
    s = 1 / (1 + namespace_of(u).exp(-u))
    return u * s, s * (1 + u * (1 - s))


def _softplus(u: Array) -> tuple[Array, Array]:
    xp = namespace_of(u)
    return xp.logaddexp(u, xp.zeros_like(u)), 1 / (1 + xp.exp(-u))


def _identity(u: Array) -> tuple[Array, Array]:
    return u, namespace_of(u).ones_like(u)


def _step(u: Array) -> tuple[Array, Array]:
    xp = namespace_of(u)
    return xp.where(u > 0, xp.ones_like(u), 0.0), xp.zeros_like(u)


ACTIVATIONS: dict[str, Callable[[Array], tuple[Array, Array]]] = {
    "relu": _relu,
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "gelu": _gelu,
    "silu": _silu,
    "softplus": _softplus,
    "identity": _identity,
    "step": _step,
}
"""Name -> function of the pre-activation (B, H) that returns the activation and its derivative, both (B, H)."""

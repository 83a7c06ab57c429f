"""Compute the learning rate of every step."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mlpctl.spec import Spec


PREFIXES = ("constant", "step")
"""Schedules that do not look ahead to their end."""


def learning_rates(spec: "Spec", epoch: int, steps: int) -> NDArray[np.float64]:
    """Return the learning rate (steps,) of each step of an epoch; epochs count from 1.

    With t the steps done before, in epochs: warm-up multiplies by (t + 1 step) / warmup_epochs until it ends;
    step by lr_gamma every lr_step epochs; cosine by (1 + cos(π (t - warmup) / (epochs - warmup))) / 2, which would
    be 0 one step after the last (Loshchilov and Hutter 2017, without restarts).
    """
    assert spec.lr is not None
    assert spec.epochs is not None
    t = epoch - 1 + np.arange(steps) / steps
    warmup = spec.warmup_epochs or 0.0
    factor = np.ones(steps)
    if spec.lr_schedule == "step":
        assert spec.lr_step is not None
        assert spec.lr_gamma is not None
        factor = np.full(steps, spec.lr_gamma ** ((epoch - 1) // spec.lr_step))
    elif spec.lr_schedule == "cosine":
        span = max(spec.epochs - warmup, 1e-12)
        factor = 0.5 * (1 + np.cos(np.pi * np.clip((t - warmup) / span, 0.0, 1.0)))
    if warmup > 0:
        factor = np.where(t < warmup, np.minimum((t + 1 / steps) / warmup, 1.0), factor)
    return spec.lr * factor


def rates_of(spec: "Spec", first_epoch: int, epochs: int, steps: int) -> NDArray[np.float64]:
    """Return the learning rates (epochs, steps) of some epochs."""
    if spec.lr_schedule == "constant":  # the usual case, and 4 µs an epoch are a twentieth of an iris trial
        assert spec.lr is not None
        return np.full((epochs, steps), spec.lr)
    return np.stack([learning_rates(spec, first_epoch + e, steps) for e in range(epochs)])


def is_prefix(spec: "Spec") -> bool:
    """Return whether training to fewer epochs is the beginning of training to more, so that one run gives both.

    With early stopping a trial has the scores of its best epoch, which are not those of its last.
    """
    return spec.lr_schedule in PREFIXES and spec.patience is None

"""Take optimizer steps in all lanes at once, with a number per lane for every hyperparameter.

The definitions are those of `mlpctl.models.numpy`. Plain SGD is linear in the gradient: there the learning rate is
already in the gradient that the backward pass starts from, and a step only adds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

    from mlpctl.engines.base import Work

STEP_NUMBERS = ("scale", "rate", "shrink", "deviation")
"""Numbers of a lane that change from step to step: factor of the gradient, learning rate (Adam's with its correction of
the mean), factor of decoupled decay, Adam's correction of the deviation."""

CORRECTED = ("adam", "adamw")
"""Optimizers whose steps depend on how many there were."""

LANE_NUMBERS = ("decay", "momentum", "beta1", "beta2", "alpha", "eps", "rest1", "rest2", "rest_of_alpha")
"""Numbers of a lane that stay; the last three are 1 - β1, 1 - β2 and 1 - α, computed before they are rounded."""


@dataclass(frozen=True, eq=False)
class Numbers:
    """Hyperparameters, in a shape that is broadcast over the parameters they are for.

    Attributes:
        step: STEP_NUMBERS along the first axis.
        lane: LANE_NUMBERS along the first axis.
    """

    step: "Tensor"
    lane: "Tensor"

    def of(self, name: str) -> "Tensor":
        """Return one of them."""
        if name in STEP_NUMBERS:
            return self.step[STEP_NUMBERS.index(name)]
        return self.lane[LANE_NUMBERS.index(name)]

    def stacked(self, first: int, last: int) -> "Numbers":
        """Return them for stacks (lanes, inputs, outputs) of some lanes."""
        return Numbers(self.step[:, first:last, None, None], self.lane[:, first:last, None, None])


def lane_numbers(works: "Sequence[Work]") -> NDArray[np.float64]:
    """Return LANE_NUMBERS of some trials (9, R); 0 for what an optimizer does not have."""

    def of(work: "Work") -> tuple[float, ...]:
        spec = work.spec
        (beta1, beta2), alpha = spec.betas or (0.0, 0.0), spec.alpha or 0.0
        stay = (spec.weight_decay or 0.0, spec.momentum or 0.0, beta1, beta2, alpha, spec.eps or 0.0)
        return (*stay, 1 - beta1, 1 - beta2, 1 - alpha)

    return np.array([of(work) for work in works]).T


def step_numbers(
    works: "Sequence[Work]", rates: NDArray[np.float64], steps_done: NDArray[np.int64], sizes: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return STEP_NUMBERS of every step of an epoch (steps, 4, R).

    Args:
        works: the trials; they share the optimizer.
        rates: learning rates (steps, R).
        steps_done: of each trial before the epoch (R,).
        sizes: of the minibatches (steps,).
    """
    optimizer = works[0].spec.optimizer
    decay, _, beta1, beta2, *_ = lane_numbers(works)
    mean = np.array([work.spec.reduction == "mean" for work in works])
    scale = np.where(mean, 1.0 / sizes[:, None], 1.0)  # (steps, R)
    shrink, deviation = np.ones_like(rates), np.ones_like(rates)
    if optimizer in ("sgd", "adamw"):
        shrink = 1.0 - rates * decay
    if optimizer == "sgd":
        scale = -rates * scale
    if optimizer in CORRECTED:
        t = steps_done + 1.0 + np.arange(len(rates))[:, None]
        rates, deviation = rates / (1.0 - beta1**t), np.sqrt(1.0 - beta2**t)
    return np.stack([scale, rates, shrink, deviation], axis=1)


def update(
    optimizer: str, p: "Tensor", g: "Tensor", memory: "Sequence[Tensor]", numbers: Numbers, *, decays: bool
) -> None:
    """Change parameters in place by one step.

    Args:
        optimizer: by name.
        p: parameters.
        g: gradient; it is used up.
        memory: the optimizer's arrays for them, in the order of `REMEMBERED`.
        numbers: in the shape of the parameters, or broadcast.
        decays: true if any lane has weight decay.
    """
    of = numbers.of
    if decays and optimizer in ("sgd", "adamw"):
        p *= of("shrink")
    elif decays:
        g.addcmul_(p, of("decay"))
    if optimizer == "sgd":
        p += g
    elif optimizer in ("momentum", "nesterov"):
        (velocity,) = memory
        velocity.mul_(of("momentum")).add_(g)
        if optimizer == "nesterov":
            g.addcmul_(velocity, of("momentum"))
        p.addcmul_(g if optimizer == "nesterov" else velocity, of("rate"), value=-1)
    elif optimizer in ("adam", "adamw"):
        mean, square = memory
        mean.lerp_(g, of("rest1"))
        square.mul_(of("beta2")).addcmul_(g.square_(), of("rest2"))
        torch.sqrt(square, out=g).div_(of("deviation")).add_(of("eps"))
        p.addcmul_(torch.div(mean, g, out=g), of("rate"), value=-1)
    elif optimizer == "rmsprop":
        square, velocity = memory
        square.mul_(of("alpha")).addcmul_(g * g, of("rest_of_alpha"))
        velocity.mul_(of("momentum")).addcdiv_(g, square.sqrt().add_(of("eps")))
        p.addcmul_(velocity, of("rate"), value=-1)
    else:
        assert optimizer == "adagrad"
        (square,) = memory
        square.addcmul_(g, g)
        p.addcmul_(g.div_(square.sqrt().add_(of("eps"))), of("rate"), value=-1)

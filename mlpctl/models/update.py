"""Optimizer steps, written out, with torch's definitions of each."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mlpctl.models.learner import OPTIMIZER_PREFIX

if TYPE_CHECKING:
    from mlpctl.spec import Spec


def update(
    spec: "Spec",
    parameters: Mapping[str, Tensor],
    gradients: Mapping[str, Tensor],
    memory: dict[str, Tensor],
    lr: float,
) -> None:
    """Change parameters in place by one step.

    Args:
        spec: resolved; names the optimizer and its hyperparameters.
        parameters: name -> tensor.
        gradients: name -> tensor of the same shape; names without a gradient stay as they are.
        memory: what the optimizer remembers, "optimizer/NAME/WHAT" -> tensor; filled on first use.
        lr: learning rate of this step.
    """
    steps = memory.setdefault(f"{OPTIMIZER_PREFIX}steps", torch.zeros((), dtype=torch.int64))
    steps += 1
    for name, gradient in gradients.items():
        parameter, g = parameters[name], gradient
        if spec.weight_decay and spec.optimizer == "adamw":
            parameter *= 1 - lr * spec.weight_decay
        elif spec.weight_decay:
            g = g + spec.weight_decay * parameter

        def remembered(what: str, like: Tensor = parameter, of: str = name) -> Tensor:
            return memory.setdefault(f"{OPTIMIZER_PREFIX}{of}/{what}", torch.zeros_like(like))

        if spec.optimizer == "sgd":
            parameter -= lr * g
        elif spec.optimizer in ("momentum", "nesterov"):
            assert spec.momentum is not None
            velocity = remembered("velocity")
            velocity.mul_(spec.momentum).add_(g)
            parameter -= lr * (g + spec.momentum * velocity if spec.optimizer == "nesterov" else velocity)
        elif spec.optimizer in ("adam", "adamw"):
            assert spec.betas is not None
            assert spec.eps is not None
            (beta1, beta2), t = spec.betas, int(steps)
            mean, square = remembered("mean"), remembered("square")
            mean.mul_(beta1).add_((1 - beta1) * g)
            square.mul_(beta2).add_((1 - beta2) * g**2)
            denominator = square.sqrt() / (1 - beta2**t) ** 0.5 + spec.eps
            parameter -= lr / (1 - beta1**t) * mean / denominator
        elif spec.optimizer == "rmsprop":
            assert spec.alpha is not None
            assert spec.eps is not None
            square = remembered("square")
            square.mul_(spec.alpha).add_((1 - spec.alpha) * g**2)
            change = g / (square.sqrt() + spec.eps)
            if spec.momentum:
                velocity = remembered("velocity")
                change = velocity.mul_(spec.momentum).add_(change)
            parameter -= lr * change
        else:
            assert spec.optimizer == "adagrad"
            assert spec.eps is not None
            square = remembered("square")
            square += g**2
            parameter -= lr * g / (square.sqrt() + spec.eps)

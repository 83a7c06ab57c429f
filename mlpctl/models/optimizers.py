"""Take optimizer steps by hand on torch tensors, with torch's definition of each; sources in `mlpctl.models.numpy`."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mlpctl.models.learner import STEPS, memory_name
from mlpctl.models.network import is_weight

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
        memory: tensors that the optimizer keeps, by "optimizer/NAME/WHAT"; filled on first use.
        lr: learning rate of this step.
    """
    if not gradients:
        return
    steps = memory.setdefault(STEPS, torch.zeros((), dtype=torch.int64))
    steps += 1
    for name, gradient in gradients.items():
        parameter, g = parameters[name], gradient
        decay = spec.weight_decay if spec.decay_biases or is_weight(name) else 0.0
        if spec.l1 and is_weight(name):  # the subgradient of l1·|w|, 0 at 0
            g = g + spec.l1 * torch.sign(parameter)
        if decay and spec.optimizer == "adamw":
            parameter *= 1 - lr * decay
        elif decay:
            g = g + decay * parameter
        parameter -= _change(spec, g, lr, int(steps), partial(_remembered, memory, name, parameter))


def _remembered(memory: dict[str, Tensor], name: str, parameter: Tensor, what: str) -> Tensor:
    return memory.setdefault(memory_name(name, what), torch.zeros_like(parameter))


def _change(spec: "Spec", g: Tensor, lr: float, t: int, remembered: Callable[[str], Tensor]) -> Tensor:
    """Return the change of a parameter in step t, counted from 1."""
    mu, eps, name = spec.momentum or 0.0, spec.eps or 0.0, spec.optimizer
    if name == "sgd":
        return lr * g
    if name in ("momentum", "nesterov"):
        v = remembered("velocity").mul_(mu).add_(g)
        return lr * (g + mu * v if name == "nesterov" else v)
    if name in ("adam", "adamw"):
        beta1, beta2 = spec.betas or (0.9, 0.999)
        m = remembered("mean").mul_(beta1).add_((1 - beta1) * g)
        v = remembered("square").mul_(beta2).add_((1 - beta2) * g**2)
        denominator: Tensor = v.sqrt() / (1 - beta2**t) ** 0.5 + eps
        return lr / (1 - beta1**t) * m / denominator
    if name == "adagrad":
        v = remembered("square").add_(g**2)
        return lr * g / (v.sqrt() + eps)
    assert name == "rmsprop"
    alpha = spec.alpha or 0.0
    v = remembered("square").mul_(alpha).add_((1 - alpha) * g**2)
    scaled = g / (v.sqrt() + eps)
    return lr * (remembered("velocity").mul_(mu).add_(scaled) if mu else scaled)

"""Optimizer steps, written out, with torch's definitions of each, for NumPy arrays and torch tensors alike."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlpctl.models.array_namespace import Array, namespace_of
from mlpctl.models.learner import STEPS, memory_name

if TYPE_CHECKING:
    from mlpctl.spec import Spec


def update(
    spec: "Spec",
    parameters: Mapping[str, Array],
    gradients: Mapping[str, Array],
    memory: dict[str, Array],
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
    if not gradients:
        return
    xp = namespace_of(next(iter(gradients.values())))
    steps = memory.setdefault(STEPS, xp.zeros((), dtype=xp.int64))
    steps += 1
    for name, gradient in gradients.items():
        parameter, g = parameters[name], gradient
        if spec.weight_decay and spec.optimizer == "adamw":
            parameter *= 1 - lr * spec.weight_decay
        elif spec.weight_decay:
            g = g + spec.weight_decay * parameter

        def remembered(what: str, like: Array = parameter, of: str = name) -> Array:
            return memory.setdefault(memory_name(of, what), xp.zeros_like(like))

        if spec.optimizer == "sgd":
            parameter -= lr * g
        elif spec.optimizer in ("momentum", "nesterov"):
            assert spec.momentum is not None
            velocity = remembered("velocity")
            velocity *= spec.momentum
            velocity += g
            parameter -= lr * (g + spec.momentum * velocity if spec.optimizer == "nesterov" else velocity)
        elif spec.optimizer in ("adam", "adamw"):
            assert spec.betas is not None
            assert spec.eps is not None
            (beta1, beta2), t = spec.betas, int(steps)
            mean, square = remembered("mean"), remembered("square")
            mean *= beta1
            mean += (1 - beta1) * g
            square *= beta2
            square += (1 - beta2) * g**2
            denominator = xp.sqrt(square) / (1 - beta2**t) ** 0.5 + spec.eps
            parameter -= lr / (1 - beta1**t) * mean / denominator
        elif spec.optimizer == "rmsprop":
            assert spec.alpha is not None
            assert spec.eps is not None
            square = remembered("square")
            square *= spec.alpha
            square += (1 - spec.alpha) * g**2
            change = g / (xp.sqrt(square) + spec.eps)
            if spec.momentum:
                velocity = remembered("velocity")
                velocity *= spec.momentum
                velocity += change
                change = velocity
            parameter -= lr * change
        else:
            assert spec.optimizer == "adagrad"
            assert spec.eps is not None
            square = remembered("square")
            square += g**2
            parameter -= lr * g / (xp.sqrt(square) + spec.eps)

"""Train a network of torch.nn by torch.optim; define the modules that torch.nn lacks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mlpctl.models.autograd import loss, step
from mlpctl.models.learner import STEPS, State, memory_name
from mlpctl.models.losses import total_loss
from mlpctl.models.network import is_weight

if TYPE_CHECKING:
    from mlpctl.models.network import Network
    from mlpctl.spec import Spec

STATE_NAMES = {
    "affine.weight": "weight",
    "affine.bias": "bias",
    "affine.first.weight": "weight",
    "affine.first.bias": "bias",
    "affine.second.weight": "second_weight",
    "affine.second.bias": "second_bias",
    "second.weight": "second_weight",
    "second.bias": "second_bias",
    "norm.weight": "bn_weight",
    "norm.bias": "bn_bias",
    "norm.running_mean": "running_mean",
    "norm.running_var": "running_var",
}
"""Names in a layer's module -> names of the shared initial weights."""

MEMORY_NAMES = {
    "sgd": {"momentum_buffer": "velocity"},
    "momentum": {"momentum_buffer": "velocity"},
    "nesterov": {"momentum_buffer": "velocity"},
    "adam": {"exp_avg": "mean", "exp_avg_sq": "square"},
    "adamw": {"exp_avg": "mean", "exp_avg_sq": "square"},
    "rmsprop": {"square_avg": "square", "momentum_buffer": "velocity"},
    "adagrad": {"sum": "square"},
}
"""Optimizer -> its names in torch.optim -> names in our states."""


class StepFunction(nn.Module):
    """Step function: 1 where the input is positive, else 0; no gradient passes."""

    def forward(self, u: Tensor) -> Tensor:
        """Return the step of each element."""
        return step(u)


class KeyedDropout(nn.Module):
    """Dropout by a mask drawn outside, so that every engine drops the same units."""

    def __init__(self, p: float, layer: int) -> None:
        """Set the probability p and the number of the layer."""
        super().__init__()
        self.p, self.layer = p, layer
        self.mask: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Return the kept units scaled up in training, all of them in evaluation."""
        return torch.where(self.mask, x / (1 - self.p), 0.0) if self.training and self.mask is not None else x


class SparseLinear(nn.Linear):
    """nn.Linear that also takes sparse inputs."""

    def forward(self, X: Tensor) -> Tensor:
        """Return X Wᵀ + b."""
        if not X.is_sparse:
            return super().forward(X)
        u: Tensor = torch.sparse.mm(X, self.weight.t())
        return u if self.bias is None else u + self.bias  # type: ignore[redundant-expr]


class ProductLinear(nn.Module):
    """Product of two affine maps of the same inputs."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool) -> None:
        """Make the maps."""
        super().__init__()
        self.first = SparseLinear(inputs, outputs, bias=bias)
        self.second = SparseLinear(inputs, outputs, bias=bias)

    def forward(self, X: Tensor) -> Tensor:
        """Return the product (B, outputs)."""
        return self.first(X) * self.second(X)  # type: ignore[no-any-return]


class Optimized:
    """Network in training (`mlpctl.models.learner.Learner`); `net` names its parameters LAYER.NAME, by STATE_NAMES."""

    def __init__(self, net: nn.Module, network: "Network", spec: "Spec", state: State, device: str) -> None:
        """Take over a state: initial weights, or what `state` of any learner returned."""
        self.net, self.network, self.spec = net, network, spec
        net.to(device=device, dtype=getattr(torch, spec.dtype))
        inner = dict(net.named_parameters()) | dict(net.named_buffers())
        self.tensors = {_outer(name): tensor for name, tensor in inner.items() if _outer(name)}
        self.parameters = {_outer(name): parameter for name, parameter in net.named_parameters()}
        with torch.no_grad():
            for name, tensor in self.tensors.items():
                tensor.copy_(_tensor(state[name]))
        layers = enumerate(network.layers)
        self.idle = [self.parameters[f"{n}.bias"] for n, layer in layers if layer.idle_bias]
        self.weights = [parameter for name, parameter in self.parameters.items() if is_weight(name)]
        others = [parameter for name, parameter in self.parameters.items() if not is_weight(name)]
        self.optimizer = make_optimizer(spec, self.weights, others)
        self.steps = int(state.get(STEPS, np.array(0)))
        self._remember(state, device)

    def step(self, X: Tensor, y: Tensor, lr: float, masks: Sequence[Tensor | None]) -> tuple[Tensor, Tensor]:
        """Take one optimizer step; return the losses (B,) and the outputs (B, C) from before it."""
        self.net.train()
        for module in self.net.modules():
            if isinstance(module, KeyedDropout):
                module.mask = masks[module.layer]
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        z = self.net(X)  # (B, C)
        losses = loss(self.network, z, y)
        self.optimizer.zero_grad()
        total = total_loss(self.network, self.spec, losses, y)
        total.backward()  # type: ignore[no-untyped-call]
        for bias in self.idle:
            if bias.grad is not None:
                bias.grad.zero_()
        add_l1(self.spec, self.weights)
        self.optimizer.step()
        self.steps += 1
        return losses.detach(), z.detach()

    def outputs(self, X: Tensor) -> Tensor:
        """Return the outputs (B, C) in evaluation."""
        self.net.eval()
        with torch.no_grad():
            return self.net(X)  # type: ignore[no-any-return]

    def state(self) -> State:
        """Return weights, running statistics and optimizer state as named arrays, copied."""
        state = {name: _array(tensor) for name, tensor in self.tensors.items()}
        for name, parameter in self.parameters.items():
            held = self.optimizer.state.get(parameter, {})
            for theirs, ours in MEMORY_NAMES[self.spec.optimizer or "sgd"].items():
                if held.get(theirs) is not None:
                    state[memory_name(name, ours)] = _array(held[theirs])
        return {**state, STEPS: np.array(self.steps)} if self.steps else state

    def _remember(self, state: State, device: str) -> None:
        for name, parameter in self.parameters.items():
            held = {
                theirs: _tensor(state[memory_name(name, ours)]).contiguous().to(device)
                for theirs, ours in MEMORY_NAMES[self.spec.optimizer or "sgd"].items()
                if memory_name(name, ours) in state
            }
            if held:  # the step counter stays on the CPU, as torch.optim has it
                self.optimizer.state[parameter] = {"step": torch.tensor(float(self.steps)), **held}


def _outer(inner: str) -> str:
    number, _, name = inner.partition(".")
    return f"{number}.{STATE_NAMES[name]}" if name in STATE_NAMES else ""


def _array(tensor: Tensor) -> NDArray[Any]:
    array = tensor.detach().cpu().numpy()
    return array.T.copy() if array.ndim == 2 else array.copy()  # nn.Linear holds its weight as (outputs, inputs)


def _tensor(array: NDArray[Any]) -> Tensor:
    return torch.tensor(array.T if array.ndim == 2 else array)


def add_l1(spec: "Spec", weights: Sequence[nn.Parameter]) -> None:
    """Add the subgradient of the L1 penalty to the gradients of weights."""
    if spec.l1:
        for weight in weights:
            if weight.grad is not None:
                weight.grad.add_(torch.sign(weight.detach()), alpha=spec.l1)


def make_optimizer(
    spec: "Spec", weights: Sequence[nn.Parameter], others: Sequence[nn.Parameter]
) -> torch.optim.Optimizer:
    """Return the optimizer of a spec for the weights of a module and its other parameters, the biases."""
    parameters: list[dict[str, Any]] = [{"params": [*weights, *others]}]
    if not spec.decay_biases:
        parameters = [{"params": [*weights]}, {"params": [*others], "weight_decay": 0.0}]
    common: dict[str, Any] = {"lr": spec.lr, "weight_decay": spec.weight_decay or 0.0}
    if spec.optimizer in ("sgd", "momentum", "nesterov"):
        nesterov = spec.optimizer == "nesterov" and bool(spec.momentum)  # torch refuses Nesterov with momentum 0
        return torch.optim.SGD(parameters, momentum=spec.momentum or 0.0, nesterov=nesterov, **common)
    common["eps"] = spec.eps
    if spec.optimizer == "rmsprop":
        return torch.optim.RMSprop(parameters, alpha=spec.alpha or 0.0, momentum=spec.momentum or 0.0, **common)
    if spec.optimizer == "adagrad":
        return torch.optim.Adagrad(parameters, **common)
    adam = torch.optim.AdamW if spec.optimizer == "adamw" else torch.optim.Adam
    return adam(parameters, betas=spec.betas or (0.9, 0.999), **common)

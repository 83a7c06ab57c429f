"""The concise twin: the same network in torch.nn, differentiated by autograd, stepped by torch.optim (d2l 5.2.2)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mlpctl.models.constants import BN_EPS, BN_MOMENTUM
from mlpctl.models.learner import OPTIMIZER_PREFIX, State
from mlpctl.models.losses import autograd_loss

if TYPE_CHECKING:
    from mlpctl.models.network import Network
    from mlpctl.spec import Spec


class Step(nn.Module):
    """1 where the input is positive, else 0; no gradient passes."""

    def forward(self, u: Tensor) -> Tensor:
        """Return the step of each element."""
        return (u > 0).to(u.dtype)


ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "identity": nn.Identity,
    "step": Step,
}

_NAMES = {
    "0.weight": "weight",
    "0.bias": "bias",
    "1.weight": "bn_weight",
    "1.bias": "bn_bias",
    "1.running_mean": "running_mean",
    "1.running_var": "running_var",
}
"""Names in a block (0 the affine map, 1 the normalization) -> names of the shared initial weights."""


class KeyedDropout(nn.Module):
    """Dropout by a mask drawn outside, so that every engine drops the same units."""

    def __init__(self, p: float, layer: int) -> None:
        """Drop units of a layer with probability p."""
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
        return torch.sparse.mm(X, self.weight.t()) + self.bias if X.is_sparse else super().forward(X)


class Concise:
    """See `mlpctl.models.learner.Learner`."""

    def __init__(self, network: "Network", spec: "Spec", state: State, device: str) -> None:
        """Take over a state: initial weights, or what `state` returned."""
        self.network, self.spec = network, spec
        self.net = nn.Sequential(*(_block(network, number) for number in range(len(network.layers))))
        self.net.to(device=device, dtype=getattr(torch, spec.dtype))
        tensors = dict(self.net.named_parameters()) | dict(self.net.named_buffers())
        self.names = {inner: _outer(inner) for inner in tensors if _outer(inner)}
        with torch.no_grad():
            for inner, outer in self.names.items():
                given = torch.tensor(state[outer], device=device)
                tensors[inner].copy_(given.t() if outer.endswith(".weight") else given)
        normalized = [number for number, layer in enumerate(network.layers) if layer.batch_norm]
        self.idle = [tensors[f"{number}.0.bias"] for number in normalized]  # see Scratch.backward
        self.optimizer = _optimizer(spec, self.net)
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
        losses = autograd_loss(self.network, z, y)
        self.optimizer.zero_grad()
        loss = losses.mean() if self.spec.reduction == "mean" else losses.sum()
        loss.backward()  # type: ignore[no-untyped-call]
        for bias in self.idle:
            if bias.grad is not None:
                bias.grad.zero_()
        self.optimizer.step()
        return losses.detach(), z.detach()

    def outputs(self, X: Tensor) -> Tensor:
        """Return the outputs (B, C) in evaluation."""
        self.net.eval()
        with torch.no_grad():
            return self.net(X)  # type: ignore[no-any-return]

    def state(self) -> State:
        """Return weights, running statistics and optimizer state as named arrays, copied."""
        tensors = dict(self.net.named_parameters()) | dict(self.net.named_buffers())
        state = {outer: _array(tensors[inner], outer) for inner, outer in self.names.items()}
        for inner, parameter in self.net.named_parameters():
            for what, value in self.optimizer.state.get(parameter, {}).items():
                if isinstance(value, Tensor):
                    outer = self.names[inner]
                    state[f"{OPTIMIZER_PREFIX}{outer}/{what}"] = _array(value, outer if value.ndim else "")
        return state

    def _remember(self, state: State, device: str) -> None:
        for inner, parameter in self.net.named_parameters():
            outer = self.names[inner]
            prefix = f"{OPTIMIZER_PREFIX}{outer}/"
            for name, value in state.items():
                if name.startswith(prefix):
                    tensor = torch.tensor(value)
                    moved = tensor.t() if outer.endswith(".weight") and value.ndim == 2 else tensor
                    # Adam's step counter stays on the CPU, everything else follows the parameter
                    self.optimizer.state[parameter][name.removeprefix(prefix)] = (
                        moved.contiguous().to(device) if value.ndim else moved
                    )


def _block(network: "Network", number: int) -> nn.Sequential:
    layer = network.layers[number]
    modules: list[nn.Module] = [SparseLinear(layer.inputs, layer.outputs)]
    if layer.batch_norm:
        modules.append(nn.BatchNorm1d(layer.outputs, eps=BN_EPS, momentum=BN_MOMENTUM))
    modules.append(ACTIVATIONS[layer.activation]())
    if layer.dropout:
        modules.append(KeyedDropout(layer.dropout, number))
    return nn.Sequential(*modules)


def _outer(inner: str) -> str:
    number, _, name = inner.partition(".")
    return f"{number}.{_NAMES[name]}" if name in _NAMES else ""


def _array(tensor: Tensor, outer: str) -> Any:
    array = tensor.detach().cpu().numpy()
    return array.T.copy() if outer.endswith(".weight") and array.ndim == 2 else array.copy()


def _optimizer(spec: "Spec", net: nn.Module) -> torch.optim.Optimizer:
    parameters = net.parameters()
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

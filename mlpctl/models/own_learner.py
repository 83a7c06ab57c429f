"""Train a network of the user's own by torch.optim, with torch's random numbers of each epoch's own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlpctl.models.autograd import loss
from mlpctl.models.learner import OPTIMIZER_PREFIX, STEPS, State
from mlpctl.models.losses import total_loss
from mlpctl.models.torch_nn import add_l1, make_optimizer
from mlpctl.rng import words

if TYPE_CHECKING:
    from mlpctl.models.own import OwnNetwork
    from mlpctl.spec import Spec

STREAM = 0xFFFF
"""Number of the stream of random numbers that seeds torch: no network has a layer of that number."""

_RANDOM = Lock()
"""Held while own code draws: torch has one generator for all threads."""


@contextmanager
def seeded(key: int, epoch: int, device: str) -> Iterator[None]:
    """Give torch random numbers that follow from a seed and an epoch alone, whatever else trains beside."""
    devices = [torch.device(device)] if device.startswith("cuda") else []
    with _RANDOM, torch.random.fork_rng(devices):
        torch.manual_seed(int(words(key, "dropout", 1, epoch=epoch, layer=STREAM)[0]))
        yield


class OwnLearner:
    """See `mlpctl.models.learner.Learner`."""

    def __init__(self, network: "OwnNetwork", spec: "Spec", state: State, device: str) -> None:
        """Make the module, and take over the state of an earlier one if there is any."""
        self.network, self.spec = network, spec
        with seeded(spec.init_key, 0, device):
            self.net = network.module().to(device=device, dtype=getattr(torch, spec.dtype))
        self.weights = [parameter for parameter in self.net.parameters() if parameter.ndim > 1]
        others = [parameter for parameter in self.net.parameters() if parameter.ndim <= 1]
        self.optimizer = make_optimizer(spec, self.weights, others)
        self.steps = int(state.get(STEPS, np.array(0)))
        if state:
            weights = {
                name: torch.tensor(array) for name, array in state.items() if not name.startswith(OPTIMIZER_PREFIX)
            }
            self.net.load_state_dict(weights)
            for number, parameter in enumerate(self.net.parameters()):
                prefix = f"{OPTIMIZER_PREFIX}{number}/"
                held = {k.removeprefix(prefix): torch.tensor(v) for k, v in state.items() if k.startswith(prefix)}
                if held:  # the step counter stays on the CPU, as torch.optim has it
                    self.optimizer.state[parameter] = {k: v if k == "step" else v.to(device) for k, v in held.items()}

    def step(self, X: Tensor, y: Tensor, lr: float, masks: Sequence[Tensor | None]) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        """Take one optimizer step; return the losses (B,) and the outputs (B, C) from before it."""
        self.net.train()
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        z = self._forward(X)
        losses = loss(self.network, z, y)
        self.optimizer.zero_grad()
        total = total_loss(self.network, self.spec, losses, y)
        total.backward()  # type: ignore[no-untyped-call]
        add_l1(self.spec, self.weights)
        self.optimizer.step()
        self.steps += 1
        return losses.detach(), z.detach()

    def outputs(self, X: Tensor) -> Tensor:
        """Return the outputs (B, C) in evaluation."""
        self.net.eval()
        with torch.no_grad():
            return self._forward(X)

    def _forward(self, X: Tensor) -> Tensor:
        z = self.net((X.to_dense() if X.is_sparse else X).reshape(-1, *self.network.inputs))
        if tuple(z.shape) != (len(X), self.network.n_outputs):
            raise ValueError(
                f"the model gives outputs {tuple(z.shape)}, ({len(X)}, {self.network.n_outputs}) are needed"
            )
        return z  # type: ignore[no-any-return]

    def state(self) -> State:
        """Return weights, buffers and optimizer state as named arrays, copied."""
        state = {name: _array(tensor) for name, tensor in self.net.state_dict().items()}
        for number, parameter in enumerate(self.net.parameters()):
            for name, held in self.optimizer.state.get(parameter, {}).items():
                if isinstance(held, Tensor):
                    state[f"{OPTIMIZER_PREFIX}{number}/{name}"] = _array(held)
        return {**state, STEPS: np.array(self.steps)} if self.steps else state


def _array(tensor: Tensor) -> NDArray[Any]:
    return tensor.detach().cpu().numpy().copy()

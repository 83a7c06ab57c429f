"""The network by hand in NumPy; torch's tensors only come in and go out."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpctl.errors import DeviceError
from mlpctl.models.learner import State
from mlpctl.models.manual import Manual

if TYPE_CHECKING:
    from torch import Tensor

    from mlpctl.models.network import Network
    from mlpctl.spec import Spec


class ByNumpy:
    """See `mlpctl.models.learner.Learner`."""

    def __init__(self, network: "Network", spec: "Spec", state: State, device: str) -> None:
        """Take over a state: initial weights, or what `state` of any learner returned.

        Raises:
            DeviceError: for a device that is not the CPU.
        """
        if device != "cpu":
            raise DeviceError(f"impl numpy computes on the CPU, got {device}: use --device cpu, or --impl manual")
        self.by_hand = Manual(network, spec, state, None)

    def step(self, X: "Tensor", y: "Tensor", lr: float, masks: "Sequence[Tensor | None]") -> "tuple[Tensor, Tensor]":
        """Take one optimizer step; return the losses (B,) and the outputs (B, C) from before it."""
        import torch

        kept = [None if mask is None else mask.numpy() for mask in masks]
        with np.errstate(all="ignore"):  # as in torch: what overflows is seen in the loss, and ends the trial
            losses, z = self.by_hand.step(_array(X), y.numpy(), lr, kept)
        return torch.from_numpy(losses), torch.from_numpy(z)

    def outputs(self, X: "Tensor") -> "Tensor":
        """Return the outputs (B, C) in evaluation."""
        import torch

        with np.errstate(all="ignore"):
            return torch.from_numpy(self.by_hand.outputs(_array(X)))

    def state(self) -> State:
        """Return weights, running statistics and optimizer state as named arrays, copied."""
        return self.by_hand.state()


def _array(X: "Tensor") -> Any:
    """Return inputs (B, D) without torch: the same memory, or CSR where they are sparse."""
    if not X.is_sparse:
        return X.numpy()
    from scipy.sparse import csr_array

    return csr_array((X.values().numpy(), X.indices().numpy()), shape=tuple(X.shape))

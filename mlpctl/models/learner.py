"""What the reference engine trains: one implementation of a network with its optimizer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

OPTIMIZER_PREFIX = "optimizer/"
"""Arrays of a state under this prefix belong to the optimizer: optimizer/PARAMETER/WHAT."""

State = dict[str, NDArray[Any]]


class Learner(Protocol):
    """A network in training: built from (network, spec, state, device), where state names initial weights."""

    def step(self, X: "Tensor", y: "Tensor", lr: float, masks: "Sequence[Tensor | None]") -> "tuple[Tensor, Tensor]":
        """Take one optimizer step; return the losses (B,) and the outputs (B, C) from before it.

        Args:
            X: inputs (B, D), dense or sparse.
            y: classes (B,) or targets (B, C).
            lr: learning rate of this step.
            masks: per layer the units kept (B, H), None where nothing is dropped.
        """

    def outputs(self, X: "Tensor") -> "Tensor":
        """Return the outputs (B, C) in evaluation: running statistics, nothing dropped."""

    def state(self) -> State:
        """Return weights, running statistics and optimizer state as named arrays, copied."""

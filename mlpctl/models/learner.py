"""Define the interface of an implementation: a network with its optimizer, and the names in its state."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

OPTIMIZER_PREFIX = "optimizer/"
"""Arrays of a state under this prefix belong to the optimizer."""

STEPS = f"{OPTIMIZER_PREFIX}steps"
"""Optimizer steps taken, an integer without axes."""

State = dict[str, NDArray[Any]]
"""Named arrays of a trial: its weights and running statistics; to continue it, the optimizer's state and epochs too."""


def memory_name(parameter: str, what: str) -> str:
    """Return the name of an array that an optimizer keeps of a parameter: its velocity, mean or square."""
    return f"{OPTIMIZER_PREFIX}{parameter}/{what}"


class Learner(Protocol):
    """Network in training, built from (network, spec, state, device).

    The state is that of initial weights, or what `state` of any learner returned: they all write and read the same.
    """

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

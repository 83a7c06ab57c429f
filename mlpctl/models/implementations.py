"""List the implementations of a network: the same network, written with ever more of torch's help.

They train the same trial, step for step, and have one form of state; a file each, in the order of this list.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlpctl.models.learner import Learner


@dataclass(frozen=True)
class Implementation:
    """A registered implementation.

    Attributes:
        help: one line.
        learner: "package.module:object", imported on first use: (network, spec, state, device) -> Learner.
    """

    help: str
    learner: str

    def load(self) -> "Callable[..., Learner]":
        """Return the function that makes its learners."""
        module, _, attribute = self.learner.partition(":")
        return getattr(import_module(module), attribute)  # type: ignore[no-any-return]


NUMPY = Implementation("NumPy: forward pass, backward pass and update by hand.", "mlpctl.models.numpy:NumpyNetwork")
MANUAL = Implementation("The same on torch tensors.", "mlpctl.models.manual:Manual")
AUTOGRAD = Implementation(
    "torch's functions, differentiated by autograd; update by hand.", "mlpctl.models.autograd:autograd"
)
FUNCTION = Implementation("Own torch.autograd.Functions, each with its backward.", "mlpctl.models.function:function")
SCRATCH = Implementation(
    "Own activations and losses from elementary operations, as d2l 5.2.1.", "mlpctl.models.scratch:scratch"
)
CONCISE = Implementation("nn.Sequential and torch.optim, as d2l 5.2.2.", "mlpctl.models.concise:concise")
MODULE = Implementation("An own nn.Module with its own forward, and torch.optim.", "mlpctl.models.module:module")

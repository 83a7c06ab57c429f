"""The ladder of implementations: the same network, written with ever more of torch's help.

Below: NumPy and nothing else. Above: what a user of torch.nn writes. All train the same trial, step for step.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlpctl.models.learner import Learner


@dataclass(frozen=True)
class Rung:
    """A registered implementation.

    Attributes:
        help: one line.
        learner: "package.module:object", imported on first use: (network, spec, state, device) -> Learner.
    """

    help: str
    learner: str

    def load(self) -> "Callable[..., Learner]":
        """Return what makes its learners."""
        module, _, attribute = self.learner.partition(":")
        return getattr(import_module(module), attribute)  # type: ignore[no-any-return]


NUMPY = Rung("NumPy: forward pass, backward pass and update by hand.", "mlpctl.models.numpy:ByNumpy")
MANUAL = Rung("The same on torch tensors.", "mlpctl.models.manual:Manual")
AUTOGRAD = Rung(
    "torch's functions, differentiated by autograd; update by hand.",
    "mlpctl.models.autograd:AUTOGRAD",
)
FUNCTION = Rung("Own torch.autograd.Functions, each with its backward.", "mlpctl.models.autograd:FUNCTION")
SCRATCH = Rung("Own activations and losses from elementary operations, as d2l 5.2.1.", "mlpctl.models.autograd:SCRATCH")
CONCISE = Rung("nn.Sequential and torch.optim, as d2l 5.2.2.", "mlpctl.models.concise:concise")
MODULE = Rung("An own nn.Module with its own forward, and torch.optim.", "mlpctl.models.module:module")

"""Stop a trial whose validation loss no longer improves, and keep what it had when it was lowest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import TYPE_CHECKING

from mlpctl.metrics import Status
from mlpctl.models.learner import State

if TYPE_CHECKING:
    from mlpctl.spec import Spec

WATCHED = "val_loss"
"""Score that decides, the lower the better: an accuracy of few examples stands still where the loss still falls."""


@dataclass
class EarlyStopping:
    """Watches the epochs of a trial.

    Attributes:
        patience: epochs without a lower validation loss after which the trial ends.
        epoch: the best so far.
        loss: its validation loss.
        weights: its parameters and running statistics.
    """

    patience: int
    epoch: int = 0
    loss: float = inf
    weights: State | None = None

    def after(self, epoch: int, loss: float, status: Status | None, weights: Callable[[], State]) -> Status | None:
        """Return the status of the trial after an epoch: "ok" where it ends here, else the one it has.

        Args:
            epoch: epochs done.
            loss: validation loss after it.
            status: of the trial without early stopping.
            weights: returns the weights after the epoch, as copies.
        """
        if loss < self.loss:
            self.epoch, self.loss, self.weights = epoch, loss, weights()
        return "ok" if status is None and epoch - self.epoch >= self.patience else status


def early_stopping(spec: "Spec") -> EarlyStopping | None:
    """Return what watches the epochs of a spec; None where it trains all of them."""
    return None if spec.patience is None else EarlyStopping(spec.patience)


def best_epoch(epochs: Sequence[int], losses: Sequence[float | None]) -> int:
    """Return the first epoch with the lowest validation loss; the last where none has a finite one."""
    known = [(loss, epoch) for epoch, loss in zip(epochs, losses, strict=True) if loss is not None and isfinite(loss)]
    return min(known)[1] if known else epochs[-1]

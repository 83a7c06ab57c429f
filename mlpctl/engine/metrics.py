"""Scores of a part from sums over its examples; one definition for every engine."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mlpctl.models.network import Network

Scores = dict[str, float]


@dataclass
class Tally:
    """Sums over the examples seen so far; `scores` turns them into metrics.

    The sums are kept in float64 whatever the dtype of the outputs: a mean over 60,000 float32 losses would otherwise
    depend on the order of adding.
    """

    n: int = 0
    loss: float = 0.0
    correct: int = 0
    absolute: float = 0.0
    squares: NDArray[np.float64] | float = 0.0  # per target: sum of squared errors
    y_sum: NDArray[np.float64] | float = 0.0
    y_squares: NDArray[np.float64] | float = 0.0

    def add(self, network: "Network", outputs: NDArray[Any], y: NDArray[Any], loss_sum: float) -> None:
        """Count a minibatch: outputs (B, C), y (B,) or (B, C), and the sum of its losses."""
        self.n += len(y)
        self.loss += loss_sum
        if network.n_classes:
            self.correct += int(np.count_nonzero(predicted(network, outputs) == y))
            return
        error = outputs.astype(np.float64) - y
        target = y.astype(np.float64)
        self.absolute += float(np.abs(error).sum()) / y.shape[1]
        self.squares = self.squares + (error**2).sum(axis=0)
        self.y_sum = self.y_sum + target.sum(axis=0)
        self.y_squares = self.y_squares + (target**2).sum(axis=0)

    def scores(self, network: "Network") -> Scores:
        """Return the metrics of the task; {} if nothing was seen."""
        if not self.n:
            return {}
        if network.n_classes:
            return {"loss": self.loss / self.n, "accuracy": self.correct / self.n}
        squares = np.asarray(self.squares)
        spread = np.asarray(self.y_squares) - np.asarray(self.y_sum) ** 2 / self.n
        with np.errstate(divide="ignore", invalid="ignore"):
            r2 = float(np.mean(1 - squares / spread)) if np.all(spread > 0) else math.nan
        return {
            "loss": self.loss / self.n,
            "mse": float(np.mean(squares)) / self.n,
            "mae": self.absolute / self.n,
            "r2": r2,
        }


def predicted(network: "Network", outputs: NDArray[Any]) -> NDArray[np.int64]:
    """Return the predicted classes (B,) of outputs (B, C): the largest output, the first of equals.

    With a single output, class 1 where it is above the network's threshold. Outputs that are NaN predict class -1,
    which is never right.
    """
    if network.n_outputs == 1:
        label = (outputs[:, 0] > network.threshold).astype(np.int64)
    else:
        label = outputs.argmax(axis=1).astype(np.int64)
    return np.where(np.isnan(outputs).any(axis=1), -1, label)

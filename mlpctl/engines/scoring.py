"""Compute the scores of a part from sums over its examples; one definition for every engine."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mlpctl.models.network import Network

Scores = dict[str, float]

Sum = TypeVar("Sum", float, NDArray[np.float64])


@dataclass
class Tally:
    """Sums over the examples seen so far; `scores` turns them into metrics.

    The sums are kept in float64 whatever the dtype of the outputs: a mean over 60,000 float32 losses would otherwise
    depend on the order of adding.
    """

    n: int = 0
    loss: float = 0.0
    correct: int = 0
    absolute: NDArray[np.float64] | float = 0.0  # per target: sum of absolute errors
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
        self.absolute = self.absolute + np.abs(error).sum(axis=0)
        self.squares = self.squares + (error**2).sum(axis=0)
        self.y_sum = self.y_sum + target.sum(axis=0)
        self.y_squares = self.y_squares + (target**2).sum(axis=0)

    def scores(self, network: "Network") -> Scores:
        """Return the metrics of the task; {} if nothing was seen."""
        squares: list[float] = np.atleast_1d(self.squares).tolist()
        absolute: list[float] = np.atleast_1d(self.absolute).tolist()
        deviations: list[float] = []
        if self.n:
            y_sum, y_squares = np.atleast_1d(self.y_sum), np.atleast_1d(self.y_squares)
            deviations = squared_deviations(self.n, y_sum, y_squares)
        return scores_of(network, self.n, self.loss, self.correct, absolute, squares, deviations)


def squared_deviations(n: int, y_sum: NDArray[np.float64], y_squares: NDArray[np.float64]) -> list[float]:
    """Return per target the sum of (y − mean)², from n targets' sums and sums of squares (C,)."""
    deviations: list[float] = (y_squares - y_sum**2 / n).tolist()
    return deviations


def scores_of(
    network: "Network",
    n: int,
    loss: Sum,
    correct: Sum,
    absolute: Sequence[Sum],
    squares: Sequence[Sum],
    deviations: Sequence[float],
) -> dict[str, Sum]:
    """Return the metrics of the task from sums over n examples, a number each or one per epoch; {} without examples.

    Errors are told in the targets' own units, the loss as it was minimized: of scaled targets where they are scaled.

    Args:
        network: of the trial.
        n: examples.
        loss: sum of losses.
        correct: right predictions.
        absolute: per target the sum of absolute errors.
        squares: per target the sum of squared errors.
        deviations: per target, see `squared_deviations`; R² is one minus their ratio, the mean over targets.
    """
    if not n:
        return {}
    if network.n_classes:
        return {"loss": loss / n, "accuracy": correct / n}
    r2 = loss * math.nan
    if min(deviations) > 0:
        r2 = _total([1 - error / spread for error, spread in zip(squares, deviations, strict=True)]) / len(squares)
    units = network.target_spread or (1.0,) * len(squares)
    mse = _total([error * unit**2 for error, unit in zip(squares, units, strict=True)]) / len(squares) / n
    mae = _total([error * unit for error, unit in zip(absolute, units, strict=True)]) / len(squares) / n
    return {"loss": loss / n, "mse": mse, "rmse": mse**0.5, "mae": mae, "r2": r2}


def _total(terms: Sequence[Sum]) -> Sum:
    total, *more = terms
    for term in more:
        total = total + term
    return total


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

"""Score a classification at the end of a trial: balanced accuracy, macro F1, area under the ROC curve."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.engines.scoring import predicted

if TYPE_CHECKING:
    from mlpctl.engines.base import Work
    from mlpctl.models.learner import State
    from mlpctl.models.network import Network

ROWS_AT_A_TIME = 8192


def final_scores(work: "Work", weights: "State") -> dict[str, float]:
    """Return the metrics `FINAL_METRICS` of every part with rows, as columns; {} for a regression.

    The outputs are those of the implementation `manual`, so that every engine is scored alike.
    """
    if not work.network.n_classes:
        return {}
    import torch

    from mlpctl.engines.reference import Resident
    from mlpctl.models.manual import Manual

    model, resident = Manual(work.network, work.spec, weights, "cpu"), Resident(work.data, torch.device("cpu"))
    columns: dict[str, float] = {}
    for prefix, rows in (("val", work.data.parts["val"]), ("test", work.data.parts["test"]),
                         ("fit", work.data.parts["train"])):  # fmt: skip
        if len(rows):
            chunks = [rows[begin : begin + ROWS_AT_A_TIME] for begin in range(0, len(rows), ROWS_AT_A_TIME)]
            outputs = np.concatenate([model.outputs(resident.gather(chunk)[0]).numpy() for chunk in chunks])
            scores = class_scores(work.network, outputs, work.data.y[rows])
            columns |= {f"{prefix}_{name}": score for name, score in scores.items()}
    return columns


def class_scores(network: "Network", outputs: NDArray[Any], y: NDArray[Any]) -> dict[str, float]:
    """Return balanced accuracy, macro F1 and area under the ROC curve of outputs (B, C) for classes y (B,).

    As scikit-learn has them: a class that y lacks does not count in the balanced accuracy; one that neither y nor the
    predictions have does not count in F1. The area is that of the second class where there are two, else the mean
    over the classes, each against the others; classes that y lacks, or has alone, do not count.
    """
    guess, k = predicted(network, outputs), network.n_classes
    right = np.bincount(y[guess == y], minlength=k)
    true, guessed = np.bincount(y, minlength=k), np.bincount(guess[guess >= 0], minlength=k)
    there, told = true > 0, true + guessed > 0
    z = outputs.astype(np.float64)
    if network.loss in ("cross_entropy", "nll"):
        z = np.exp(z - z.max(axis=1, keepdims=True))
        z /= z.sum(axis=1, keepdims=True)
    columns = [(1, z[:, -1])] if k == 2 else list(enumerate(z.T))
    areas = [_area(score, y == number) for number, score in columns if 0 < true[number] < len(y)]
    return {
        "balanced_accuracy": float((right[there] / true[there]).mean()),
        "f1": float((2 * right[told] / (true[told] + guessed[told])).mean()),
        "auc": float(np.mean(areas)) if areas else float("nan"),
    }


def _area(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Return the share of pairs of a positive and a negative example in which the positive has the higher score."""
    _, places, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]  # the mean rank of equals
    n = int(positive.sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(score) - n)))

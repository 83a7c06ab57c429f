"""Score the answer that needs no input: always the most frequent class, or always the mean."""

from functools import lru_cache

import numpy as np

from mlpctl.data.base import Dataset
from mlpctl.data.prepare import Data
from mlpctl.metrics import BASELINE_PARTS

MEAN_ANSWER = "mean"
"""Name of the answer that is always the mean of the training part."""


@lru_cache(maxsize=8)  # as many as `prepare` keeps: the trials of a sweep share their data
def baseline(dataset: Dataset, data: Data) -> dict[str, str | float]:
    """Return the answer that is learned without inputs, and its score on the parts that are held out.

    The answer is the most frequent class of the training part, the first of equals, or the mean of each target there.
    Its score is the accuracy, or the mean squared error in the targets' own units. scikit-learn's `DummyClassifier` and
    `DummyRegressor` have the same numbers.

    Args:
        dataset: of classes or numbers.
        data: the same, prepared: its parts.

    Returns:
        `baseline` (the answer's name), and for each part with rows `val_baseline` and `test_baseline`.
    """
    y, train = dataset.y, data.parts["train"]
    parts = {part: data.parts[part] for part in BASELINE_PARTS if len(data.parts[part])}
    if dataset.task == "regression":
        mean = y[train].mean(axis=0, dtype=np.float64)
        return {
            "baseline": MEAN_ANSWER,
            **{f"{part}_baseline": float(((y[rows] - mean) ** 2).mean()) for part, rows in parts.items()},
        }
    most = int(np.bincount(y[train]).argmax())
    return {
        "baseline": dataset.classes[most],
        **{f"{part}_baseline": float((y[rows] == most).mean()) for part, rows in parts.items()},
    }

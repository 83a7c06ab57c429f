"""Define the metrics of a trial: their direction, the parts that are scored, a trial's status."""

from typing import Literal

METRICS = ("loss", "accuracy", "mse", "mae", "r2")
"""Per-example means; accuracy for classification, mse, mae and r2 for regression."""


BETTER: dict[str, Literal["low", "high"]] = {
    "loss": "low", "accuracy": "high", "mse": "low", "mae": "low", "r2": "high",
}  # fmt: skip


PRIMARY = {"classification": "accuracy", "regression": "mse"}
"""The metric that decides, by task."""


PARTS = ("val", "test", "fit")
"""Parts that are scored with the weights at the end of an epoch; `fit` is the training part scored so."""


Status = Literal["ok", "diverged", "out_of_memory", "timeout", "invalid", "crashed", "interrupted"]

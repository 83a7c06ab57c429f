"""Results folders made up for tests of reports."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlpctl.store import Store

BASE: dict[str, Any] = {
    "status": "ok", "error": "", "dataset": "iris", "task": "classification", "model": "mlp", "widths": "8",
    "hidden_layers": 1, "hidden_units": 8, "activation": "relu", "lr": 0.1, "epochs": 2, "epochs_done": 2, "seed": 0,
    "parameters": 10, "seconds": 0.1,
}  # fmt: skip


def write(
    folder: Path, rows: Iterable[Mapping[str, Any]], *, epochs: bool = True, experiment: Mapping[str, Any] | None = None
) -> Path:
    """Write trials that differ from BASE as given; a configuration is what they are without key, seed and scores."""
    with Store(folder) as store:
        if experiment is not None:
            store.describe(experiment, {})
        for number, row in enumerate(rows):
            trial = {**BASE, **row}
            told = [
                f"{name}={trial[name]}" for name in ("dataset", "lr", "widths", "activation", "data") if name in trial
            ]
            accuracy = trial.get("val_accuracy")
            lines = [{"epoch": e, "train_loss": 1 / e, "val_accuracy": accuracy} for e in (1, 2)] if epochs else []
            store.append({"key": f"k{number}", "config": " ".join(told), **trial}, lines)
    return folder

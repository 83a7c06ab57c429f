"""Results folders made up for tests of reports."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mlpctl.store.schema import Block
from mlpctl.store.writer import Store

BASE: dict[str, Any] = {
    "status": "ok", "error": "", "dataset": "iris", "task": "classification", "model": "mlp", "widths": "8",
    "hidden_layers": 1, "hidden_units": 8, "activation": "relu", "lr": 0.1, "epochs": 2, "epochs_done": 2, "seed": 0,
    "parameters": 10, "seconds": 0.1,
}  # fmt: skip

LRS = (0.001, 0.01, 0.1, 1.0)

CONDITIONAL: dict[str, Any] = {
    "spec": {"dataset": "iris"},
    "axes": {
        "optimizer": ["sgd", "momentum"], "lr": [0.01, 0.1],
        "momentum": {"values": [0.5, 0.9], "when": {"optimizer": ["momentum"]}},
    },
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
            block: Block = {"epoch": [1, 2], "train_loss": [1.0, 0.5], "val_accuracy": [accuracy] * 2} if epochs else {}
            store.append({"key": f"k{number}", "config": " ".join(told), **trial}, block)
    return folder


def known(folder: Path, *, seeds: int = 3, noise: float = 0.001) -> Path:
    """Write a sweep whose best is lr 0.1 with 16 units, by far."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "lr": lr, "widths": str(units), "hidden_units": units, "seed": seed,
            "val_accuracy": 0.9 - 0.1 * abs(np.log10(lr / 0.1)) - (0.05 if units == 4 else 0) + noise * rng.normal(),
            "test_accuracy": 0.8,
        }
        for seed in range(seeds) for lr in LRS for units in (4, 16)
    ]  # fmt: skip
    return write(folder, rows)


def conditional(folder: Path) -> Path:
    """Write a sweep of which half the trials have a momentum, and some have a batch size that follows from it."""
    momenta = [("sgd", None, 16), ("momentum", 0.5, 32), ("momentum", 0.9, 32)]
    rows = [
        {"optimizer": name, "momentum": value, "batch_size": str(batch), "lr": lr, "seed": seed,
         "config": f"{name} {value} {lr}",
         "val_accuracy": 0.8 + 0.01 * seed + (value or 0) / 10 + lr / 10}
        for seed in range(3) for name, value, batch in momenta for lr in (0.01, 0.1)
    ]  # fmt: skip
    return write(folder, rows, experiment=CONDITIONAL)


def write_many(folder: Path, trials: int, *, seeds: int = 5, epochs: int = 2) -> Path:
    """Write a drawn search with so many trials, fast: lr drawn from a range, words, and momentum for one optimizer."""
    import pandas as pd

    from mlpctl.store.schema import EPOCH_COLUMNS, EPOCHS_FILE, TRIAL_COLUMNS, TRIALS_FILE

    rng, n = np.random.default_rng(0), trials // seeds
    lr, units = (10 ** rng.uniform(-4, 0, n)).round(6), rng.choice([16, 64, 256], n)
    optimizer, which = rng.choice(["sgd", "momentum", "adam"], n), np.repeat(np.arange(n), seeds)
    score = (0.9 - 0.05 * abs(np.log10(lr / 0.03)) + 0.01 * np.log2(units) - 0.05)[which] + rng.normal(0, 0.01, trials)
    failed = rng.random(trials) < 0.01
    keys = [f"{number:016x}" for number in range(trials)]
    told = pd.DataFrame({"key": keys, "schema_version": 1, **{name: BASE[name] for name in BASE if name != "status"}})
    told = told.assign(
        config=[f"c{number}" for number in which], seed=np.tile(np.arange(seeds), n), lr=lr[which],
        hidden_units=units[which], widths=units[which].astype(str), optimizer=optimizer[which],
        momentum=np.where(optimizer == "momentum", rng.choice([0.5, 0.9], n), np.nan)[which],
        status=np.where(failed, "diverged", "ok"), error=np.where(failed, "the loss is not finite in epoch 3", ""),
        val_accuracy=np.where(failed, np.nan, score.clip(0, 1)), epochs_done=epochs,
    )  # fmt: skip
    long = pd.DataFrame({"key": np.repeat(keys, epochs), "epoch": np.tile(np.arange(1, epochs + 1), trials)})
    long = long.assign(schema_version=1, val_accuracy=np.repeat(score, epochs).round(6))
    folder.mkdir(parents=True)
    told.reindex(columns=list(TRIAL_COLUMNS)).to_csv(folder / TRIALS_FILE, index=False)
    long.reindex(columns=list(EPOCH_COLUMNS)).to_csv(folder / EPOCHS_FILE, index=False)
    return folder

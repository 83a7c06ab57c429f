"""Time Optuna: a grid study whose objective is the torch loop, two jobs."""

import time
from typing import Any

import optuna
import torch

from benchmarks.peers.torch_loops import one
from benchmarks.workloads import Workload, arrays


def contest(workload: Workload, _: str, seed: int) -> dict[str, Any]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    torch.set_num_threads(1)
    data = arrays(workload)
    specs = workload.specs(workload.few)
    batch, epochs = workload.fields["batch_size"], workload.fields["epochs"]

    def objective(trial: optuna.Trial) -> float:
        lr = trial.suggest_float("lr", 1e-3, 1e-1)
        return one({**specs[0], "lr": lr}, data, batch, epochs, seed)

    sampler = optuna.samplers.GridSampler({"lr": [spec["lr"] for spec in specs]})
    study = optuna.create_study(direction="maximize", sampler=sampler)
    one(specs[0], data, batch, 1, seed)
    started = time.perf_counter()
    study.optimize(objective, n_jobs=2)
    seconds = time.perf_counter() - started
    accuracy = next(trial.value for trial in study.trials if trial.params["lr"] == specs[0]["lr"])
    return {"seconds": seconds / len(study.trials), "accuracy": accuracy, "trials": len(study.trials)}

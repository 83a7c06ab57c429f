"""Time Ray Tune: the torch loop as a trainable, end to end, on a local cluster that listens on loopback only."""

import logging
import os
import tempfile
from typing import Any

os.environ.update(RAY_AIR_NEW_OUTPUT="0", RAY_USAGE_STATS_ENABLED="0", RAY_DEDUP_LOGS="1")

import ray
import torch
from ray import tune

from benchmarks.peers.torch_loops import one
from benchmarks.workloads import Workload, arrays
from mlpctl.system.facts import seconds_since_start


def contest(workload: Workload, variant: str, seed: int) -> dict[str, Any]:
    data = arrays(workload)
    specs = workload.specs(16 if variant == "few" else workload.trials)
    batch, epochs = workload.fields["batch_size"], workload.fields["epochs"]

    def trainable(config: dict[str, Any]) -> dict[str, float]:
        torch.set_num_threads(1)
        return {"accuracy": one({**specs[0], "lr": config["lr"]}, data, batch, epochs, seed)}

    ray.init(
        num_cpus=2, include_dashboard=False, _node_ip_address="127.0.0.1", log_to_driver=False,
        logging_level=logging.ERROR,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        tuner = tune.Tuner(
            trainable,
            param_space={"lr": tune.grid_search([spec["lr"] for spec in specs])},
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        )
        ends = tuner.fit()
        metrics = [ends[k].metrics or {} for k in range(len(ends))]
        accuracy = next(found["accuracy"] for found in metrics if found["config"]["lr"] == specs[0]["lr"])
    seconds = seconds_since_start()
    ray.shutdown()
    return {"seconds": seconds / len(specs), "accuracy": accuracy, "trials": len(specs),
            "note": f"from the start of the process, over {len(specs)} trials"}  # fmt: skip

"""Time a session of mlpctl's kernel engine in its steady state."""

import gc
from typing import Any

from benchmarks.peers import steady
from benchmarks.workloads import WORKLOADS, Workload
from mlpctl.engines.kernel.engine import ENGINE
from mlpctl.runner.trial import trial_of
from mlpctl.spec import make_spec
from mlpctl.system.facts import usable_cores


def contest(workload: Workload, variant: str, seed: int) -> dict[str, Any]:
    workload = WORKLOADS["iris-widths"] if variant == "widths" else workload
    specs = [{**spec, "seed": seed} for spec in workload.specs(workload.trials)]
    jobs = min(usable_cores(), len(specs))

    def train() -> list[Any]:
        session = ENGINE.open("cpu", jobs, 1)
        found = (trial_of(make_spec(spec)) for spec in specs)
        trials = (trial.work(test_at=frozenset({trial.spec.epochs})) for trial in found)
        ends = []
        for event in session.advance(trials):
            if event.status is not None:
                ends.append(event)
                session.drop(event.key)
        return ends

    if workload.trials > 1:
        train()  # loads the data and the compiled code
    else:
        first = trial_of(make_spec(specs[0])).work()
        list(ENGINE.open("cpu", 1, 1).advance([type(first)(first.key, first.spec, first.network, first.data, 0)]))
    gc.freeze()  # as `mlpctl sweep` does
    seconds, ends = steady(train)
    scores = next(e.scores for e in ends if e.key == trial_of(make_spec(specs[0])).key)
    accuracy = scores.get("test_accuracy", scores.get("test_mse", scores["test_loss"]))
    flops = sum(_flops(spec) for spec in specs)
    return {"seconds": seconds / len(specs), "accuracy": accuracy, "flops": flops / len(specs), "trials": len(specs)}


def _flops(spec: dict[str, Any]) -> float:
    trial = trial_of(make_spec(spec)).work()
    return float(trial.network.flops_per_example * trial.data.n_train * trial.epochs)

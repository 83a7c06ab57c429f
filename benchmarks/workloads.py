"""Define the contests: the specs, the number of trials, and the promise of mlpctl against each peer."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mlpctl.bench.workloads import FASHION, IRIS_BN, KERAS

IRIS_SPEC: dict[str, Any] = {**IRIS_BN, "epochs": 20}


@dataclass(frozen=True)
class Workload:
    """One kind of trial that contestants train."""

    name: str
    fields: dict[str, Any]  # of the spec
    trials: int  # that mlpctl and the batched peers train
    few: int  # that the slow peers train; their time per trial does not depend on it
    peers: dict[str, float]  # contestant -> at least so many times slower than mlpctl, per trial; 0: no promise
    against: dict[str, str] = field(default_factory=dict)  # contestant -> mlpctl's that it is measured by

    def quick(self) -> "Workload":
        """Return it with 16 trials of Ray Tune in place of all."""
        return replace(
            self,
            peers={"ray-few" if name == "ray" else name: floor for name, floor in self.peers.items()},
            against={"ray-few" if name == "ray" else name: ours for name, ours in self.against.items()},
        )

    def ours(self, contestant: str) -> str:
        """Return the contestant of mlpctl that another one is measured by."""
        return self.against.get(contestant, "mlpctl")

    def specs(self, n: int) -> list[dict[str, Any]]:
        """Return n of the specs, spread over all; they differ in the learning rate, or in the widths.

        The first is the same for every n, so that contestants that train few and many can compare its accuracy.
        """
        step, middle = max(1, self.trials // n), self.trials // 2
        picked = [*range(middle, self.trials, step), *range(middle - step, -1, -step)][:n]
        every = self._every()
        return [every[k] for k in picked]

    def _every(self) -> list[dict[str, Any]]:
        if self.name == "iris-widths":
            rng = np.random.default_rng(0)
            drawn = rng.choice([16, 32, 48, 64, 96, 128], size=(self.trials, 4))
            return [{**self.fields, "lr": 0.01, "widths": tuple(int(w) for w in widths)} for widths in drawn]
        if self.trials == 1:
            return [self.fields]
        low, high = self.fields.get("lr_range", (1e-3, 1e-1))
        fields = {name: value for name, value in self.fields.items() if name != "lr_range"}
        return [{**fields, "lr": float(f"{lr:.6g}")} for lr in np.geomspace(low, high, self.trials)]


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("iris", {**IRIS_SPEC, "optimizer": "sgd"}, 64, 4,
                 {"mlpctl-widths": 0, "mlpctl-sweep": 0, "jax-vmap": 9, "jax-jit": 0, "torch-pool": 120,
                  "torch-loop": 0, "optuna": 0, "ray": 300}, {"ray": "mlpctl-sweep"}),
        Workload("iris-widths", {**IRIS_SPEC, "optimizer": "sgd"}, 64, 4, {}),  # measured as mlpctl-widths of iris
        Workload("iris-adam", {**IRIS_SPEC, "optimizer": "adam"}, 64, 4, {"jax-vmap": 6}),
        Workload("fashion", {**FASHION, "epochs": 2, "optimizer": "sgd", "lr_range": (0.01, 0.5)}, 16, 2,
                 {"jax-vmap": 1.4, "torch-loop": 0, "d2l-loop": 14, "sklearn": 2.5}),
        Workload("keras", {**KERAS, "epochs": 5}, 1, 1, {"keras-jax": 1.8, "torch-loop": 0}),
        Workload("train", {**FASHION, "epochs": 10, "val_fraction": 0.1, "lr": 0.1, "optimizer": "sgd"}, 1, 1,
                 {"mlpctl-train": 0, "jax-script": 1.4}, {"jax-script": "mlpctl-train"}),  # from start to end
        Workload("gates", {"dataset": "gates", "data": {"gate": "and"}}, 1000, 10, {"torch-loop": 250}),
        Workload("linreg", {"dataset": "linreg"}, 1000, 10, {"torch-loop": 250}),
        Workload("digits", {"dataset": "digits", "widths": (48,) * 6, "activation": "tanh", "optimizer": "adam",
                            "batch_size": 16, "epochs": 10, "val_fraction": 0.0}, 64, 4, {"jax-vmap": 3}),
        Workload("langid", {"dataset": "langid"}, 1000, 10, {"torch-loop": 250}),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Arrays:
    """The split that every contestant trains on, as dense float32."""

    X: Any
    y: Any
    X_test: Any
    y_test: Any
    n_classes: int
    network: Any = field(repr=False, default=None)


def arrays(workload: Workload) -> Arrays:
    """Return the split that mlpctl's trials of a workload use."""
    from mlpctl.runner.trial import trial_of
    from mlpctl.spec import make_spec

    prepared = trial_of(make_spec(workload.specs(1)[0] if workload.trials == 1 else workload.specs(2)[0])).work()
    data = prepared.data
    X = data.X if isinstance(data.X, np.ndarray) else data.X.toarray()
    X = X.astype(np.float32) * (1 if data.scale is None else data.scale) + (0 if data.shift is None else data.shift)
    train, test = data.parts["train"], data.parts["test"]
    return Arrays(X[train], data.y[train], X[test], data.y[test], data.n_classes, prepared.network)

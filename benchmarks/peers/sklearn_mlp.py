"""Time scikit-learn's MLPClassifier."""

import warnings
from typing import Any

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from benchmarks.peers import steady
from benchmarks.workloads import Workload, arrays


def contest(workload: Workload, _: str, seed: int) -> dict[str, Any]:
    data = arrays(workload)
    warnings.simplefilter("ignore", ConvergenceWarning)
    fields = workload.fields
    model = MLPClassifier(
        (fields["hidden_units"],), solver="sgd", momentum=0.0, alpha=0.0, batch_size=fields["batch_size"],
        learning_rate_init=workload.specs(1)[0]["lr"], max_iter=fields["epochs"],
        n_iter_no_change=100, random_state=seed,
    )  # fmt: skip
    seconds, _ = steady(lambda: model.fit(data.X, data.y))
    return {"seconds": seconds, "accuracy": float(model.score(data.X_test, data.y_test)), "trials": 1}

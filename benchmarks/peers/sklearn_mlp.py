"""scikit-learn's MLPClassifier."""

import warnings
from typing import Any

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from benchmarks.peers import run, steady
from benchmarks.works import Work, arrays


def contest(work: Work, _: str) -> dict[str, Any]:
    data = arrays(work)
    warnings.simplefilter("ignore", ConvergenceWarning)
    model = MLPClassifier(
        (work.fields["hidden_units"],), solver="sgd", momentum=0.0, alpha=0.0, batch_size=work.fields["batch_size"],
        learning_rate_init=work.specs(1)[0]["lr"], max_iter=work.fields["epochs"], n_iter_no_change=100, random_state=0,
    )  # fmt: skip
    seconds, _ = steady(lambda: model.fit(data.X, data.y))
    return {"seconds": seconds, "accuracy": float(model.score(data.X_test, data.y_test)), "trials": 1}


if __name__ == "__main__":
    run(contest)

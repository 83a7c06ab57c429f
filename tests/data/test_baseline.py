"""The answer that needs no input, against scikit-learn's dummy estimators."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import accuracy_score, mean_squared_error

from mlpctl.data.baseline import MEAN_ANSWER, baseline
from mlpctl.runner.trial import trial_of
from mlpctl.spec import make_spec


@pytest.mark.parametrize("name", ["iris", "wine", "diabetes", "linreg", "gates"])
def test_the_baseline_is_that_of_a_dummy_estimator(name: str) -> None:
    trial = trial_of(make_spec({"dataset": name, "split_seed": 3}))
    y, parts = trial.dataset.y, trial.data.parts
    inputs = np.zeros((len(y), 1))
    found = baseline(trial.dataset, trial.data)
    is_class = trial.dataset.task == "classification"
    dummy = (DummyClassifier() if is_class else DummyRegressor()).fit(inputs[parts["train"]], y[parts["train"]])
    answers = dummy.predict(inputs)
    assert found["baseline"] == (trial.dataset.classes[int(answers[0])] if is_class else MEAN_ANSWER)
    for part in ("val", "test"):
        rows = parts[part]
        if not len(rows):
            assert f"{part}_baseline" not in found
            continue
        score = (accuracy_score if is_class else mean_squared_error)(y[rows], answers[rows])
        assert found[f"{part}_baseline"] == pytest.approx(score, rel=1e-12)

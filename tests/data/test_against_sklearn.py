"""With its defaults alone, a table is learned as well as by scikit-learn's network with standard scaling."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import mlpctl
from mlpctl.data import load_dataset
from mlpctl.data.parts import SplitRule, split
from mlpctl.data.prepare import imputed
from mlpctl.models import resolve
from mlpctl.spec import Spec, make_spec
from tests.helpers.tables import TARGETS, write

SEEDS = 3

CASES = [
    ("diabetes", ""),
    *[("housing", form) for form in ("csv", "german.csv", "parquet")],
    *[("cars", form) for form in ("csv", "data", "xlsx")],
    *[("passengers", form) for form in ("csv", "jsonl")],
    *[("adults", form) for form in ("csv", "csv.gz", "feather")],
]
"""Table and its format."""


def reference_scores(spec: Spec) -> list[float]:
    """Return the test accuracy or R² of scikit-learn's network on the same split, for some seeds."""
    dataset = load_dataset(spec)
    spec = resolve(spec, dataset)
    assert spec.val_fraction is not None
    parts = split(dataset, SplitRule(spec.test_fraction or 0.0, spec.val_fraction, 0))
    X: NDArray[Any] = imputed(dataset, parts["train"]) if dataset.impute else np.asarray(dataset.X)
    y = dataset.y if dataset.task == "classification" else dataset.y[:, 0]
    train, test = parts["train"], parts["test"]
    scores = []
    for seed in range(SEEDS):
        if dataset.task == "classification":
            pipe = make_pipeline(StandardScaler(), MLPClassifier(random_state=seed, max_iter=100, tol=1e-3))
            scores.append(float(pipe.fit(X[train], y[train]).score(X[test], y[test])))
            continue
        mean, sd = y[train].mean(), y[train].std()
        pipe = make_pipeline(StandardScaler(), MLPRegressor(random_state=seed, max_iter=100, tol=1e-3))
        scores.append(float(pipe.fit(X[train], (y[train] - mean) / sd).score(X[test], (y[test] - mean) / sd)))
    return scores


@pytest.mark.filterwarnings("ignore:.*Maximum iterations")
@pytest.mark.parametrize(("name", "form"), CASES)
def test_defaults_learn_what_scikit_learn_learns(name: str, form: str, tmp_path: Path) -> None:
    given: dict[str, Any] = {"dataset": name}
    if name != "diabetes":
        options = {"path": str(write(name, tmp_path, form)), "target": TARGETS[name]}
        if name in ("cars", "passengers"):
            options["missing"] = "mean"
        given = {"dataset": "table", "data": options}
    rows = [mlpctl.train(**given, seed=seed, out=None).trial for seed in range(SEEDS)]
    ours = [row["test_accuracy"] if "test_accuracy" in row else row["test_r2"] for row in rows]
    theirs = reference_scores(make_spec(given))
    assert np.mean(ours) > np.mean(theirs) - 0.02

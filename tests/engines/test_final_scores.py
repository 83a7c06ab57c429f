"""Balanced accuracy, F1 and the area under the ROC curve, against scikit-learn."""

import csv
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

from mlpctl.engines.final_scores import class_scores
from mlpctl.engines.scoring import predicted
from mlpctl.runner.trial import trial_of
from mlpctl.spec import make_spec
from tests.helpers.cli import Cli


@pytest.mark.parametrize(("name", "loss"), [("iris", "cross_entropy"), ("breast-cancer", "cross_entropy"),
                                            ("breast-cancer", "bce"), ("digits", "cross_entropy")])  # fmt: skip
def test_scores_are_those_of_scikit_learn(name: str, loss: str) -> None:
    network = trial_of(make_spec({"dataset": name, "loss": loss})).network
    rng = np.random.default_rng(1)
    y = rng.integers(0, network.n_classes, 200)
    z = rng.normal(size=(200, network.n_outputs))
    z = z.round(1) if network.n_outputs == 1 else z  # equal scores
    z[np.arange(200), np.minimum(y, network.n_outputs - 1)] += 1
    found, guess = class_scores(network, z, y), predicted(network, z)
    assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(y, guess))
    assert found["f1"] == pytest.approx(f1_score(y, guess, average="macro"))
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    two = z[:, 0] if network.n_outputs == 1 else p[:, 1]
    area = roc_auc_score(y, two) if network.n_classes == 2 else roc_auc_score(y, p, multi_class="ovr")
    assert found["auc"] == pytest.approx(area)


@pytest.mark.parametrize("engine", ["kernel", "reference", "lanes"])
def test_a_sweep_is_decided_by_f1(cli: Cli, engine: str) -> None:
    given = ("--dataset", "iris", "--axis", "epochs=1,30", "--metric", "f1", "--engine", engine, "--device", "cpu")
    done = cli("sweep", *given, "-f", "json", "--name", "x")
    assert done.code == 0, done.err
    with Path("results/x/trials.csv").open() as file:
        rows = {row["epochs"]: row for row in csv.DictReader(file)}
    assert float(rows["30"]["val_f1"]) > float(rows["1"]["val_f1"])
    assert float(rows["30"]["val_accuracy"]) == pytest.approx(float(rows["30"]["val_balanced_accuracy"]))  # 4 of each
    assert '"epochs": 30' in done.out


def test_a_class_that_is_missing_does_not_count() -> None:
    network = trial_of(make_spec({"dataset": "iris"})).network
    z, y = np.array([[2.0, 0, 0], [0, 2, 0], [2, 1, 0]]), np.array([0, 1, 1])
    found = class_scores(network, z, y)
    assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(y, [0, 1, 0]))
    assert found["f1"] == pytest.approx(f1_score(y, [0, 1, 0], average="macro"))

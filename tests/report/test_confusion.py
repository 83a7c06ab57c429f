"""report --confusion: counts and shares are scikit-learn's, mistakes are the surest first."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, precision_score, recall_score

from mlpctl.inspection.loader import load_saved
from mlpctl.report.confusion import confusion_of, confusion_tables, draw_confusion
from tests.helpers.cli import Cli


@pytest.mark.parametrize("dataset", ["digits", "breast-cancer", "langid"])
@pytest.mark.parametrize("part", ["test", "train"])
def test_the_counts_are_those_of_scikit_learn(dataset: str, part: str, cli: Cli) -> None:
    assert cli("train", "--dataset", dataset, "--epochs", "2", "--save", "-q").code == 0
    [folder] = Path("results").iterdir()
    found = confusion_of(str(folder), part)  # type: ignore[arg-type]
    true, predicted, k = found.true, found.predicted, len(found.classes)
    np.testing.assert_array_equal(found.counts, confusion_matrix(true, predicted, labels=range(k)))
    table = confusion_tables(found)[0]
    options = {"labels": range(k), "average": None, "zero_division": np.nan}
    for column, score in (("accuracy", recall_score), ("precision", precision_score)):
        told = [np.nan if row[column] is None else row[column] for row in table.rows]
        np.testing.assert_allclose(np.array(told, dtype=float), score(true, predicted, **options))
    if part == "test":
        accuracy = float(str(load_saved(str(folder)).row["test_accuracy"]))
        assert float((true == predicted).mean()) == pytest.approx(accuracy, abs=1e-6)


def test_mistakes_are_wrong_and_the_surest_come_first(cli: Cli) -> None:
    assert cli("train", "--dataset", "digits", "--epochs", "2", "--save", "-q").code == 0
    found = confusion_of("results/digits-mlp", "validation")
    sure = found.sureness[found.mistakes]
    assert (found.true[found.mistakes] != found.predicted[found.mistakes]).all()
    assert (np.diff(sure) <= 0).all()
    assert sure[0] == found.sureness[found.true != found.predicted].max()
    assert len(draw_confusion(found).axes) == 1 + len(found.mistakes)  # their pictures are below


def test_the_command_prints_and_draws(cli: Cli) -> None:
    assert cli("train", "--dataset", "iris", "--epochs", "2", "--save", "-q").code == 0
    done = cli("report", "--confusion", "--select-on", "train", "--plot", "c.png", "--format", "json")
    assert done.code == 0
    assert Path("c.png").read_bytes().startswith(b"\x89PNG")
    tables = list(json.loads(done.out).values())
    assert sum(row["examples"] for row in tables[0]) == load_saved("results/iris-mlp").trial.data.n_train


def test_what_has_no_confusion_is_refused(cli: Cli) -> None:
    assert cli("train", "--dataset", "diabetes", "--epochs", "1", "--save", "-q").code == 0
    done = cli("report", "--confusion")
    assert (done.code, "is a regression set" in done.err) == (2, True)
    done = cli("report", "--confusion", "--by", "lr")
    assert (done.code, "leave --by out" in done.err) == (2, True)

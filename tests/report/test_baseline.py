"""The baseline in words."""

import pytest

from mlpctl.report.baseline import baseline_words

CLASSES = {"task": "classification", "baseline": "setosa", "val_baseline": 0.25, "test_baseline": 0.5}
NUMBERS = {"task": "regression", "baseline": "mean", "val_baseline": 4.0, "test_baseline": 16.0}


@pytest.mark.parametrize(
    ("rows", "metric", "words"),
    [
        ([CLASSES], "accuracy", "always guessing 'setosa': test 0.5000, validation 0.2500"),
        ([CLASSES, {**CLASSES, "test_baseline": 0.25}], "accuracy",
         "always guessing 'setosa': test 0.3750, validation 0.2500"),
        ([CLASSES, {**CLASSES, "test_baseline": None}], "accuracy", "always guessing 'setosa': validation 0.2500"),
        ([NUMBERS], "rmse", "always guessing the mean: test 4, validation 2"),
        ([NUMBERS], "mse", "always guessing the mean: test 16, validation 4"),
        ([NUMBERS], "r2", ""),
        ([CLASSES], "loss", ""),
        ([CLASSES, {**CLASSES, "baseline": "virginica"}], "accuracy", ""),
        ([{"task": "classification"}], "accuracy", ""),
    ],
)  # fmt: skip
def test_words_of_a_baseline(rows: list[dict[str, object]], metric: str, words: str) -> None:
    assert baseline_words(rows, metric) == words

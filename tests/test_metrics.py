"""The one rule for which configuration is best."""

from typing import Any

import pytest

from mlpctl.metrics import best_of, mean_score, rank_of, score_of


def row(key: str, score: float | None, status: str = "ok", **more: Any) -> dict[str, Any]:
    return {"key": key, "config": key[0], "status": status, "task": "classification", "val_accuracy": score, **more}


def test_larger_scores_are_better_whatever_the_metric() -> None:
    losses = row("a", 0.5, val_loss=0.25)
    assert score_of(losses, "validation") == 0.5
    assert score_of(losses, "validation", "loss") == -0.25
    assert score_of(losses, "test") is None


@pytest.mark.parametrize("status", ["diverged", "interrupted", "invalid"])
def test_a_trial_that_did_not_end_well_has_no_score(status: str) -> None:
    assert score_of(row("a", 0.5, status), "validation") is None


def test_a_configuration_with_a_seed_without_score_has_no_mean() -> None:
    assert mean_score([0.25, 0.75]) == 0.5
    assert mean_score([0.25, None]) is None


def test_failed_seeds_count_before_means_and_no_score_comes_last() -> None:
    ranked = sorted([(0, 0, 0.0), (2, 1, 0.9), (3, 0, 0.5), (3, 0, 0.6)], key=lambda one: rank_of(*one))
    assert ranked == [(3, 0, 0.6), (3, 0, 0.5), (2, 1, 0.9), (0, 0, 0.0)]


def test_the_trials_of_the_best_configuration_come_best_first() -> None:
    rows = [row("a0", 0.5), row("a1", 0.7), row("b0", 0.9), row("b1", None, "diverged"), row("c0", None)]
    assert [one["key"] for one in best_of(rows, "validation")] == ["a1", "a0"]
    assert [one["key"] for one in best_of([*rows, row("d0", 0.65)], "validation")] == ["d0"]
    assert best_of([row("c0", None)], "validation") == []

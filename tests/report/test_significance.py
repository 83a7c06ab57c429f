"""Verdicts: rarely a false winner where there is none, a true one where there is; textbook oracles for the parts."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlpctl.report.conclusion import sure_of
from mlpctl.report.dataframes import of_frame, score_frame
from mlpctl.report.statistics import significance
from mlpctl.report.statistics.significance import (
    ScoreTable,
    Verdict,
    expected_maximum,
    holm,
    optimism,
    overlap_of,
    rounding_step,
)
from mlpctl.report.summary import summarize
from mlpctl.store.results import load
from tests.helpers.cli import Cli
from tests.helpers.synthetic import write

REPETITIONS = 500

Draw = Callable[[np.random.Generator, tuple[int, int]], "np.ndarray[tuple[int, int], np.dtype[np.float64]]"]

NOISES: dict[str, tuple[Draw, float]] = {  # with the step that scores are rounded to
    "normal": (lambda rng, shape: rng.normal(0.9, 0.01, shape), 0.0),
    "seed effects": (lambda rng, shape: rng.normal(0.9, 0.01, shape) + rng.normal(0, 0.05, (shape[0], 1)), 0.0),
    "unequal spreads": (lambda rng, shape: 0.9 + rng.normal(size=shape) * np.linspace(0.05, 0.01, shape[1]), 0.0),
    "shares of 40 examples": (lambda rng, shape: rng.binomial(40, 0.9, shape) / 40, 1 / 40),
    "shares of 11 examples": (lambda rng, shape: rng.binomial(11, 0.9, shape) / 11, 1 / 11),
}


def compare_score_frame(scores: pd.DataFrame, better: str, *, best: object = None) -> Verdict:
    table = ScoreTable(list(scores.columns), scores.to_numpy(dtype=np.float64))
    return significance.compare_scores(table, better, best=best)


def winners(name: str, seeds: int, configurations: int, repetitions: int = REPETITIONS) -> int:
    rng = np.random.default_rng(seeds * 100 + configurations)
    draw, step = NOISES[name]
    draws = (ScoreTable(range(configurations), draw(rng, (seeds, configurations)), step) for _ in range(repetitions))
    return sum(significance.compare_scores(scores, "high").is_clear for scores in draws)


@pytest.mark.parametrize("name", list(NOISES))
@pytest.mark.parametrize(("seeds", "configurations"), [(2, 2), (3, 2), (5, 2), (3, 3), (5, 4), (10, 8)])
def test_null_data_have_no_winner(name: str, seeds: int, configurations: int) -> None:
    """One spec under many names: a single best is declared in under 5 % of repetitions (500 of each kind)."""
    assert winners(name, seeds, configurations) < 0.05 * REPETITIONS


@pytest.mark.parametrize(("seeds", "count", "points", "least"), [(3, 9, 5, 0.95), (3, 50, 5, 0.9), (5, 9, 2, 0.55)])
def test_few_seeds_of_many_configurations_have_power(seeds: int, count: int, points: int, least: float) -> None:
    """The best at 0.95, all others lower; sd 0.01, 500 examples: the share of the others that is called worse."""
    rng, found = np.random.default_rng(2), []
    for _ in range(60):
        means = np.full(count, 0.95 - points / 100)
        means[0] = 0.95
        shares = np.clip(rng.normal(means, 0.01, (seeds, count)), 0, 1)
        table = ScoreTable(range(count), np.round(shares * 500) / 500, 1 / 500)
        found.append(count - len(significance.compare_scores(table, "high").tied))
    assert np.mean(found) / (count - 1) > least


@pytest.mark.parametrize(("seeds", "gap", "least"), [(5, 6.0, 0.8), (10, 2.5, 0.8), (3, 20.0, 0.8)])
def test_a_true_difference_is_found(seeds: int, gap: float, least: float) -> None:
    """The gap is in standard deviations of a single score; five count, one better than the rest."""
    rng = np.random.default_rng(1)
    shift = np.array([0, 0, gap, 0, 0])
    verdicts = [compare_score_frame(pd.DataFrame(rng.normal(size=(seeds, 5)) + shift), "high") for _ in range(500)]
    assert sum(verdict.is_clear and verdict.best == 2 for verdict in verdicts) >= least * 500


def test_pairing_finds_what_seeds_hide() -> None:
    rng = np.random.default_rng(2)
    seed_effect = rng.normal(0, 0.1, (6, 1))
    scores = pd.DataFrame(seed_effect + rng.normal((0.01, 0.0), 0.001, (6, 2)), columns=["a", "b"])
    assert stats.ttest_ind(scores["a"], scores["b"]).pvalue > 0.5
    assert compare_score_frame(scores, "high").tied == ("a",)


def test_the_true_best_stays_in_the_set() -> None:
    rng = np.random.default_rng(3)
    means = np.array([0.0, 0.1, 0.9, 1.0, -3.0, -9.0])
    kept = [3 in compare_score_frame(pd.DataFrame(rng.normal(size=(5, 6)) + means), "high").tied for _ in range(1000)]
    assert np.mean(kept) > 0.95


def test_the_test_of_few_is_welchs() -> None:
    rng = np.random.default_rng(4)
    scores = pd.DataFrame(rng.normal((1.0, 0.5, 0.0), (1.0, 0.1, 2.0), (6, 3)), columns=["a", "b", "c"])
    verdict = compare_score_frame(scores, "high", best="a")
    raw = [float(stats.ttest_ind(scores["a"], scores[name], equal_var=False).pvalue) for name in "bc"]
    low, high = sorted(raw)
    expected = {raw.index(low): min(1, 3 * low), raw.index(high): max(min(1, 3 * low), min(1, 2 * high))}
    assert verdict.p.loc[["b", "c"], "p"].tolist() == pytest.approx([expected[0], expected[1]])


def test_lower_is_better_for_losses() -> None:
    scores = pd.DataFrame({"a": [1.0, 1.1, 0.9], "b": [0.1, 0.21, 0.02], "c": [5.0, 5.1, 5.2]})
    verdict = compare_score_frame(scores, "low")
    assert verdict.best == "b"
    assert verdict.p.index.tolist() == ["b", "a", "c"]
    assert compare_score_frame(scores, "high").best == "c"


def test_two_constant_groups_differ_by_more_than_rounding() -> None:
    """Wine with and without scaling, 3 seeds on 28 flowers: no chance makes 1.0000 against 0.3571."""
    apart = ScoreTable(["standard", "none"], np.array([[1.0, 10 / 28]] * 3), 1 / 28)
    assert significance.compare_scores(apart, "high").is_clear
    near = ScoreTable(["a", "b"], np.array([[1.0, 27 / 28]] * 3), 1 / 28)
    assert not significance.compare_scores(near, "high").is_clear


@pytest.mark.parametrize(
    ("rows", "column", "step"),
    [
        (
            [{"val_accuracy": 1.0, "val_examples": 12}, {"val_accuracy": 0.5, "val_examples": 12}],
            "val_accuracy",
            1 / 12,
        ),
        ([{"fit_accuracy": 1.0, "train_examples": 108}], "fit_accuracy", 1 / 108),
        ([{"val_accuracy": 5 / 14}, {"val_accuracy": 1.0}], "val_accuracy", 1 / 14),  # from before the column existed
        ([{"val_loss": 0.25, "val_examples": 12}], "val_loss", 0.0),
        ([], "val_accuracy", 0.0),
    ],
)
def test_scores_are_rounded_to_whole_examples(rows: list[dict[str, object]], column: str, step: float) -> None:
    trials = of_frame(pd.DataFrame(rows, columns=[column, "train_examples", "val_examples"], dtype=float))
    assert rounding_step(trials, column) == pytest.approx(step)


def test_missing_seeds_are_not_counted() -> None:
    nan = float("nan")
    scores = pd.DataFrame({"a": [0.9, 0.91, 0.92, nan], "b": [0.5, 0.52, nan, 0.51], "c": [0.1, nan, nan, nan]})
    verdict = compare_score_frame(scores, "high")
    assert verdict.p["seeds"].to_dict() == {"a": 3, "b": 3, "c": 1}
    assert verdict.p["p"].isna()["c"]
    assert "c" in verdict.tied  # one seed tells nothing, for or against
    assert verdict.seeds == 3


def test_equal_scores_are_a_tie_and_one_configuration_is_no_winner() -> None:
    same = pd.DataFrame({"a": [0.9] * 3, "b": [0.9] * 3})
    assert compare_score_frame(same, "high").tied == ("a", "b")
    alone = compare_score_frame(same[["a"]], "high")
    assert not alone.is_clear
    assert alone.optimism == 0.0


def test_one_seed_decides_nothing() -> None:
    verdict = compare_score_frame(pd.DataFrame({"a": [0.9], "b": [0.1]}), "high")
    assert verdict.tied == ("a", "b")
    assert verdict.optimism is None


def test_holm_is_the_textbooks() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert np.isnan(holm([0.5, float("nan")])[1])


def test_the_expected_maximum_is_known_for_few() -> None:
    assert expected_maximum(1) == pytest.approx(0.0, abs=1e-9)
    assert expected_maximum(2) == pytest.approx(1 / np.sqrt(np.pi))
    assert expected_maximum(3) == pytest.approx(1.5 / np.sqrt(np.pi))


@pytest.mark.parametrize("seed_effect", [0.0, 2.0])
def test_the_optimism_is_what_repetition_takes_away(seed_effect: float) -> None:
    """The best of ten equals, scored again by other seeds, loses on average about what was foretold, rather less."""
    rng = np.random.default_rng(5)
    lost, foretold = [], []
    for _ in range(2000):
        scores = rng.normal(size=(10, 10)) + seed_effect * rng.normal(size=(10, 1))
        scores = scores[:, np.argsort(-scores.mean(axis=0))]  # the best first
        lost.append(scores[:, 0].mean() - scores.mean())
        foretold.append(optimism(scores))
    assert 0.8 < np.mean(np.array(foretold, dtype=float)) / np.mean(lost) < 1.05


def test_a_noisy_configuration_far_below_makes_the_best_no_luckier() -> None:
    rng = np.random.default_rng(6)
    quiet, loud = rng.normal(0.99, 0.001, (5, 2)), rng.normal(0.8, 0.3, (5, 1))
    found = optimism(np.hstack([quiet, loud]))
    assert found is not None
    assert found < 0.002


def test_pairs_are_trials_with_equal_seeds() -> None:
    trials = pd.DataFrame(
        {
            "config": ["a", "b", "a", "b", "b"],
            "seed": [0, 0, 1, 1, 2],
            "init_seed": [None] * 5,
            "status": ["ok", "ok", "ok", "diverged", "ok"],
            "val_accuracy": [0.1, 0.2, 0.3, 0.4, 0.5],
        }
    )
    table = score_frame(trials, "config", "val_accuracy")
    assert table["a"].tolist()[:2] == [0.1, 0.3]
    assert table["b"].isna().tolist() == [False, True, False]


def test_reports_say_when_the_best_is_clear(cli: Cli) -> None:
    rng = np.random.default_rng(6)
    rows = [
        {"lr": lr, "seed": s, "val_accuracy": mean + 0.002 * rng.normal(), "test_accuracy": 0.8}
        for s in range(5)
        for lr, mean in ((0.1, 0.9), (0.2, 0.7), (0.3, 0.6))
    ]
    write(Path("clear"), rows)
    assert "better than all 2 others" in cli("report", "clear").out.replace("\n", " ")
    write(Path("tie"), [{**row, "val_accuracy": 0.9 + 0.01 * rng.normal()} for row in rows])
    said = cli("report", "tie").out.replace("\n", " ")
    assert "better than" not in said
    assert "any of these 3 may be the best" in said


def test_a_configuration_with_failures_is_not_in_the_running(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"lr": 0.1, "seed": s, "val_accuracy": 0.7 + 0.01 * s} for s in range(3)]
    rows += [{"lr": 0.2, "seed": s, "val_accuracy": 0.9, "status": "ok" if s else "diverged"} for s in range(3)]
    [summary] = summarize(load(write(tmp_path / "r", rows)))
    assert summary.verdict is not None
    assert summary.verdict.compared == 1
    assert sure_of(summary) is None


def test_scores_of_folds_have_the_corrected_variance() -> None:
    rng = np.random.default_rng(5)
    a = rng.normal(0.5, 0.1, 5)
    b = 1.3 - a + rng.normal(0.0, 0.05, 5)  # what seeds have in common is taken off, and these have nothing
    table = ScoreTable(["a", "b"], np.stack([a, b], axis=1), 0.0, overlap=0.25)
    verdict = significance.compare_scores(table, "high")
    wider = 1 / 5 + 0.25  # Nadeau and Bengio 2003: 1/J + n_test/n_train
    own, other = a.var(ddof=1) * wider, b.var(ddof=1) * wider
    freedom = (own + other) ** 2 / (own**2 / 4 + other**2 / 4)
    p = 2 * stats.t.sf(abs(b.mean() - a.mean()) / np.sqrt(own + other), freedom)
    assert verdict.tests["p"][1] == pytest.approx(min(2 * p, 1.0), rel=1e-6)


def test_five_folds_overlap_by_a_quarter() -> None:
    rows = [{"folds": folds} for folds in (5, 5, None)]
    assert overlap_of(of_frame(pd.DataFrame(rows))) == 0.25
    assert overlap_of(of_frame(pd.DataFrame([{"seed": 0}]))) == 0.0

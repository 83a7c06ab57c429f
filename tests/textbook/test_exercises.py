"""Exercises: what is claimed follows from results whose truth is known, with a best, a tie and one seed."""

import math
from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlpctl.report.figures.draw import draw
from mlpctl.runner.experiment_file import Effort, read_experiment
from mlpctl.runner.shipped_experiments import experiments_folder
from mlpctl.textbook.exercises import claims, neuron, step_times, strategies, strategy_claims, sweeps
from mlpctl.textbook.exercises.catalog import EXERCISES, Effect, Exercise
from mlpctl.textbook.exercises.ranking import seed_difference
from mlpctl.textbook.exercises.solve import Solution, solution_of

Score = Callable[[dict[str, Any]], float]
SNAPSHOT = Path(__file__).parent.parent / "snapshots" / "exercise.md"


def trials(axes: dict[str, Iterable[Any]], score: Score, *, seeds: int = 5, noise: float = 0.001) -> pd.DataFrame:
    """Return made-up trials of a grid: the score, a little noise, and the columns that claims look at."""
    rng = np.random.default_rng(0)
    rows = []
    for values in product(*axes.values(), range(seeds)):
        at = dict(zip(axes, values, strict=False))
        accuracy = score(at) + noise * rng.normal()
        rows.append(
            {
                "status": "ok", "error": "", "seed": values[-1], "parameters": 1000 * at.get("hidden_units", 1), **at,
                "val_accuracy": accuracy, "test_accuracy": accuracy - 0.01, "train_accuracy": accuracy + 0.02,
                "val_loss": 1 - accuracy, "seconds": 1.0, "epochs_done": at.get("epochs", 10),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def best_at(name: str, value: Any, gain: float = 0.1) -> Score:
    return lambda at: 0.7 + gain * (at[name] == value)


def level(_: dict[str, Any]) -> float:
    return 0.7


def study_of(number: str, data: pd.DataFrame) -> sweeps.SweepStudy:
    return sweeps.build_study(data, EXERCISES[number])


def answer(number: str, data: pd.DataFrame) -> Solution:
    return solution_of(EXERCISES[number], data)


GRIDS: dict[str, tuple[dict[str, Iterable[Any]], Any, Any]] = {
    "5.2.1": ({"hidden_units": [4, 16, 64, 256]}, 64, 16),
    "5.2.2": ({"hidden_layers": [1, 2, 3], "epochs": [1, 10]}, 2, 3),
    "5.2.4": ({"lr": [0.01, 0.1, 0.5], "epochs": [1, 10]}, 0.1, 0.5),
    "5.2.8": ({"activation": ["relu", "tanh", "elu"], "lr": [0.1]}, "tanh", "relu"),
    "5.2.9": ({"init": ["default", "normal", "uniform", "zeros"], "epochs": [1, 10]}, "normal", "uniform"),
}
"""Exercise -> a grid, a value that is best, and another."""


@pytest.mark.parametrize("number", GRIDS)
def test_the_best_a_tie_and_a_single_seed_are_told_apart(number: str) -> None:
    axes, *winners = GRIDS[number]
    axis, apart = EXERCISES[number].axis, EXERCISES[number].apart
    for winner in winners:
        verdict = study_of(number, trials(axes, best_at(axis, winner))).ranking.verdict
        assert verdict is not None
        assert (verdict.best, verdict.is_clear) == (winner, True)
    tie = study_of(number, trials(axes, level, noise=0.01)).ranking
    assert set(tie.tied) == set(axes[axis]) - set(apart)
    single = study_of(number, trials(axes, best_at(axis, winners[0]), seeds=1)).ranking.verdict
    assert single is not None
    assert (single.seeds, single.is_clear) == (1, False)


def snapshot() -> str:
    """Return the answers to all exercises on made-up results, as Markdown."""
    by_units = best_at("hidden_units", 64)
    lrs: dict[str, Iterable[Any]] = {"lr": [0.01, 0.1, 0.5, 3.0], "epochs": [1, 10]}
    rates = trials(lrs, lambda at: 0.9 - 0.1 * abs(math.log10(at["lr"] / (0.5 if at["epochs"] == 1 else 0.1))))
    rates.loc[(rates["lr"] == 3.0) & (rates["seed"] == 1), "status"] = "diverged"
    activations: dict[str, Iterable[Any]] = {"activation": ["relu", "identity", "elu"], "lr": [0.1, 0.5]}
    made = [
        ("5.2.1", trials(GRIDS["5.2.1"][0], by_units)),
        ("5.2.1", trials(GRIDS["5.2.1"][0], level, noise=0.01)),
        ("5.2.1", trials(GRIDS["5.2.1"][0], by_units, seeds=1)),
        ("5.2.2", trials(GRIDS["5.2.2"][0], best_at("hidden_layers", 2))),
        ("5.2.3", neurons([True, False, False, True, False, False], seeds=6)),
        ("5.2.4", rates),
        ("5.2.5", searches({"grid": 0.0, "random": 0.05, "halving": -0.03})),
        ("5.2.6", times(2.0)),
        ("5.2.8", trials(activations, lambda at: 0.8 + 0.05 * (at["activation"] == "relu") * (at["lr"] == 0.5))),
        ("5.2.9", trials(GRIDS["5.2.9"][0], lambda at: 0.1 if at["init"] == "zeros" else 0.85, noise=0.005)),
    ]
    text = ""
    for number, data in made:
        solution = answer(number, data)
        draw(solution.plot)
        columns = f"{solution.table.title}: {', '.join(solution.table.columns)}"
        text += "\n\n".join([f"# {number}", *solution.sentences, columns, *solution.table.notes]) + "\n\n"
    return text


def test_the_wording_is_that_of_the_snapshot() -> None:
    """Run `python -m tests.textbook.test_exercises` after a change of words, and read the difference."""
    assert snapshot() == SNAPSHOT.read_text("utf-8")


def test_the_smallest_value_as_good_as_the_best_is_found() -> None:
    score: Score = lambda at: 0.9 - (0.2 if at["hidden_units"] < 16 else 0)  # noqa: E731
    study = study_of("5.2.1", trials({"hidden_units": [4, 16, 64, 256]}, score))
    assert min(study.ranking.tied) == 16
    assert "16" in claims.fewest_as_good(study)
    assert claims.fewest_as_good(study_of("5.2.1", trials(GRIDS["5.2.1"][0], best_at("hidden_units", 64)))) == ""


@pytest.mark.parametrize("gain", [0.05, -0.05, 0.0])
def test_an_effect_has_a_sign_or_is_not_shown(gain: float) -> None:
    made = trials({"hidden_layers": [1, 2], "epochs": [1, 10]}, lambda at: 0.8 + gain * (at["hidden_layers"] == 2))
    gap = seed_difference(made[made["epochs"] == 10], "hidden_layers", 2, 1)
    assert gap.is_real == (gain != 0)
    assert gap.low < gain < gap.high
    assert gap.pairs == 5
    study = study_of("5.2.2", made)
    assert claims.effect_of_value(study, Effect("second", "first")) == answer("5.2.2", made).sentences[1]
    line = answer("5.2.2", made).sentences[0]
    assert ("raises" in line, "lowers" in line, "not shown" in line) == (gain > 0, gain < 0, gain == 0)
    assert claims.effect_of_value(study, Effect("first", "first")) == ""
    assert claims.effect_of_value(study, Effect("last", "none")) == ""


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (lambda at: 0.6 + 0.1 * math.log2(at["hidden_units"]) ** 0.3, "diminishing returns"),
        (lambda at: 0.6 + 0.01 * math.log2(at["hidden_units"]) ** 2, "More hidden units raise the accuracy: "),
        (best_at("hidden_units", 16), "only up to a point: best is 16"),
        (lambda at: 0.9 - 0.01 * math.log2(at["hidden_units"]), "lower the accuracy: best is 4,"),
        (level, "not shown to matter"),
    ],
)
def test_the_first_line_follows_the_shape_of_accuracy_over_units(score: Score, words: str) -> None:
    assert words in answer("5.2.1", trials(GRIDS["5.2.1"][0], score)).sentences[0]


@pytest.mark.parametrize("number", GRIDS)
def test_the_first_line_names_what_may_be_best_and_no_value_that_is_worse(number: str) -> None:
    """So that it contradicts none of the numbers below it; one seed answers nothing."""
    axes, winner, _ = GRIDS[number]
    axis = EXERCISES[number].axis
    one = answer(number, trials(axes, best_at(axis, winner), seeds=1)).sentences[0]
    assert one.startswith("One seed cannot answer this")
    assert (
        answer(number, trials(axes, best_at(axis, winner)).assign(status="crashed")).sentences[0].startswith("No trial")
    )
    if number in ("5.2.1", "5.2.4", "5.2.8"):
        assert f"best is {winner}" in _without_nouns(answer(number, trials(axes, best_at(axis, winner))).sentences[0])


def _without_nouns(line: str) -> str:
    for noun in ("learning rate after 10 epochs ", "activation "):
        line = line.replace(noun, "")
    return line


def test_small_rates_catch_up_and_large_ones_fail_where_they_do() -> None:
    def score(at: dict[str, Any]) -> float:
        return (
            0.1
            if at["lr"] >= 1
            else 0.8 + 0.05 * (at["lr"] == 0.1) - (0.2 if at["lr"] == 0.01 and at["epochs"] == 1 else 0)
        )

    line = answer("5.2.4", trials({"lr": [0.01, 0.1, 1.0, 3.0], "epochs": [1, 10]}, score)).sentences[0]
    assert line == (
        "The best learning rate after 10 epochs is 0.1; smaller ones learn slowly and catch up with more epochs (0.01 "
        "does) and from 1 on training fails."
    )
    flat = answer("5.2.4", trials({"lr": [0.01, 0.1], "epochs": [1, 10]}, best_at("lr", 0.1))).sentences[0]
    assert "catch up" not in flat
    assert "fails" not in flat


def test_weights_that_start_equal_are_the_answer_where_random_ones_are_not_told_apart() -> None:
    score: Score = lambda at: 0.1 if at["init"] == "zeros" else 0.85  # noqa: E731
    line = answer("5.2.9", trials(GRIDS["5.2.9"][0], score, noise=0.005)).sentences[0]
    assert line.startswith("Yes: weights that start equal (zeros) get no further than 0.1")
    assert "no difference between them is shown" in line


def neurons(dead: Iterable[bool], *, seeds: int) -> pd.DataFrame:
    made = trials({"hidden_units": [1, 256]}, lambda at: 0.88 if at["hidden_units"] > 1 else 0.3, seeds=seeds)
    is_one = made["hidden_units"] == 1
    made["dead"] = np.where(is_one, [*map(float, dead), *[0.0] * seeds], 0.02)
    made["dead_at_start"] = 0.0
    made["active"] = np.where(made["dead"] == 1, 0.0, 0.5)
    made["classes"] = np.where(is_one, np.where(made["dead"] == 1, 1.0, 4.0), 10.0)
    made["first_direction"] = np.where(is_one, np.where(made["dead"] == 1, np.nan, 1.0), 0.4)
    made.loc[made["dead"] == 1, "val_accuracy"] = 0.1
    return made


def test_dead_and_nearly_dead_units_are_counted() -> None:
    made = neurons([True, False, False, True, False, False], seeds=6)
    assert "2 of 6" in neuron.dead_units(study_of("5.2.3", made))
    assert neuron.nearly_dead_units(study_of("5.2.3", made)) == ""
    made.loc[1, ["classes", "active", "val_accuracy"]] = [1.0, 0.0012, 0.11]
    assert "0.12 %" in neuron.nearly_dead_units(study_of("5.2.3", made))
    assert "none of 6" in neuron.dead_units(study_of("5.2.3", neurons([False] * 6, seeds=6)))
    assert "little" in neuron.dead_units(study_of("5.2.3", neurons([True], seeds=1)))


def test_proportions_have_exact_intervals() -> None:
    """Of binomtest(k, n).proportion_ci(method="exact") of scipy.stats, which takes seconds to import."""
    for k, n, low, high in ((0, 5, 0.0, 0.5218238), (2, 6, 0.0432719, 0.7772219), (6, 6, 0.5407419, 1.0)):
        assert neuron.proportion_interval(k, n) == pytest.approx((low, high), abs=1e-6)


@pytest.mark.parametrize("move", [True, False])
def test_the_best_rate_moves_with_epochs_or_not(move: bool) -> None:
    def score(at: dict[str, Any]) -> float:
        best = 0.5 if move and at["epochs"] == 1 else 0.1
        return 0.9 - 0.1 * abs(math.log10(at["lr"] / best))

    study = study_of("5.2.4", trials({"lr": [0.01, 0.1, 0.5, 1.0], "epochs": [1, 10]}, score))
    bests = [ranking.verdict.best for ranking in study.rankings_along.values() if ranking.verdict]
    assert bests == ([0.5, 0.1] if move else [0.1, 0.1])
    assert ("is not shown" in claims.shift_of_best(study)) == (not move)
    assert claims.beyond_edge(study) == ""
    edge = answer("5.2.4", trials({"lr": [0.1, 0.5, 1.0], "epochs": [10]}, best_at("lr", 1.0)))
    assert "largest" in edge.sentences[-2]


def test_a_value_with_failures_is_told_and_is_not_best() -> None:
    made = trials({"lr": [0.1, 3.0], "epochs": [10]}, lambda at: 0.9 if at["lr"] == 3.0 else 0.8)
    made.loc[(made["lr"] == 3.0) & (made["seed"] == 1), "status"] = "diverged"
    study = study_of("5.2.4", made)
    assert study.ranking.verdict is not None
    assert (study.ranking.verdict.best, study.ranking.verdict.compared) == (0.1, 1)
    assert "1 of 5 diverged at 3" in claims.failed_trials(study)


def test_activations_are_compared_at_their_own_best_rate() -> None:
    score: Score = lambda at: {("relu", 0.1): 0.8, ("relu", 0.5): 0.5, ("sigmoid", 0.1): 0.6, ("sigmoid", 0.5): 0.85}[  # noqa: E731
        at["activation"], at["lr"]
    ]  # fmt: skip
    study = study_of("5.2.8", trials({"activation": ["relu", "sigmoid"], "lr": [0.1, 0.5]}, score))
    assert study.compared_at == {"relu": 0.1, "sigmoid": 0.5}
    assert study.ranking.verdict is not None
    assert study.ranking.verdict.best == "sigmoid"
    assert "none can be" in claims.best_along(study)
    assert [row["lr"] for row in sweeps.answer_table(study).rows if row["compared"]] == [0.1, 0.5]


def test_an_activation_that_diverges_at_one_rate_is_compared_at_the_other() -> None:
    made = trials({"activation": ["relu", "identity"], "lr": [0.1, 0.5]}, best_at("activation", "identity"))
    made.loc[(made["activation"] == "identity") & (made["lr"] == 0.5), "status"] = "diverged"
    study = study_of("5.2.8", made)
    assert study.compared_at["identity"] == 0.1
    assert study.ranking.verdict is not None
    assert study.ranking.verdict.best == "identity"
    assert "5 of 5 diverged at identity" in claims.failed_trials(study)


def test_schemes_that_break_no_symmetry_stand_apart() -> None:
    score: Score = lambda at: {"default": 0.85, "normal": 0.85, "zeros": 0.1}[at["init"]]  # noqa: E731
    made = trials({"init": ["default", "normal", "zeros"], "epochs": [1, 10]}, score, noise=0.005)
    study = study_of("5.2.9", made)
    assert set(study.ranking.tied) == {"default", "normal"}
    assert "zeros" in claims.equal_units(study)
    assert {row["init"] for row in sweeps.answer_table(study).rows} == {"default", "normal", "zeros"}
    only = study_of("5.2.9", made[made["init"] == "zeros"])
    assert only.ranking.verdict is not None


def times(ratio: float, *, seeds: int = 5, noise: float = 0.01) -> pd.DataFrame:
    made = trials({"implementation": ["scratch", "kernel"], "hidden_units": [16, 64, 256]}, level, seeds=seeds)
    rng = np.random.default_rng(1)
    slower = np.where(made["implementation"] == "scratch", ratio, 1.0)
    made["seconds_per_step"] = slower * made["hidden_units"] / 100 * np.exp(noise * rng.normal(size=len(made)))
    return made


def test_the_fastest_is_named_only_where_times_are_apart() -> None:
    def study(data: pd.DataFrame) -> step_times.StepStudy:
        return step_times.build_study(data, EXERCISES["5.2.6"])

    fastest = step_times.fastest_when_small
    assert fastest(study(times(2.0))).startswith("With 16 hidden units the kernel is fastest")
    assert fastest(study(times(0.5))).startswith("With 16 hidden units scratch is fastest")
    assert "beyond chance" in fastest(study(times(2.0)))
    assert "beyond chance" not in fastest(study(times(1.0, noise=0.05)))
    assert "beyond chance" not in fastest(study(times(2.0, seeds=1)))
    assert "6 of 6 times" in step_times.noisy_times(study(times(1.0, noise=0.2)))
    assert step_times.noisy_times(study(times(2.0))) == "times are medians of 5 rounds."
    assert "the kernel 2.0" in step_times.growth(study(times(2.0)))  # a doubled width takes twice as long


def searches(gains: dict[str, float], *, replicates: int = 5, noise: float = 0.002, steps: int = 12) -> pd.DataFrame:
    """Return made-up searches of 12 trials of 2 epochs: each finds scores that rise to 0.8 and its gain."""
    rng = np.random.default_rng(2)
    rows = []
    for (place, (name, gain)), replicate, step in product(enumerate(gains.items()), range(replicates), range(steps)):
        accuracy = 0.7 + (0.1 + gain) * (step + 1) / steps + noise * rng.normal()
        rows.append(
            {
                "strategy": name, "place": place, "replicate": replicate, "status": "ok", "seconds": 1.0,
                "epochs_done": 2,
                "lr": 0.1 * (1 + step % 3), "hidden_units": 16 * (1 + step // 3), "hidden_layers": 1, "epochs": 2,
                "val_accuracy": accuracy, "test_accuracy": accuracy - 0.01,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def searched(data: pd.DataFrame) -> strategies.StrategyStudy:
    return strategies.build_study(data, EXERCISES["5.2.5"])


def test_strategies_are_compared_at_equal_budget() -> None:
    study = searched(searches({"grid": 0.0, "random": 0.05, "halving": -0.03}))
    assert (study.budget, study.searches) == (24, 5)
    assert study.ranking.verdict is not None
    assert (study.ranking.verdict.best, study.ranking.verdict.is_clear) == ("random", True)
    assert "random in 5 of 5 searches, after 75 %" in strategy_claims.share_of_budget(study)
    assert set(searched(searches({"grid": 0.0, "random": 0.0}, noise=0.01)).ranking.tied) == {"grid", "random"}
    one = searched(searches({"grid": 0.0, "random": 0.05}, replicates=1))
    assert "one search each" in strategy_claims.strategies_compared(one)


def test_what_a_search_spends_beyond_the_budget_does_not_count() -> None:
    made = searches({"grid": 0.0, "random": 0.0})
    extra = made[made["strategy"] == "random"].assign(val_accuracy=0.99, test_accuracy=0.99, lr=7.0)
    study = searched(pd.concat([made, extra], ignore_index=True))
    assert study.winners["val_accuracy"].max() < 0.9
    assert len(study.trials) == len(made)


def test_epochs_of_one_run_are_paid_once() -> None:
    rows = [(0.1, 1), (0.2, 1), (0.1, 3), (0.1, 9), (0.2, 9)]
    made = pd.DataFrame([{"strategy": "halving", "replicate": 0, "lr": lr, "epochs_done": e} for lr, e in rows])
    assert strategies.with_cost(made)["spent"].tolist() == [1, 2, 4, 10, 18]


@pytest.mark.parametrize("interacting", [True, False])
def test_interactions_are_found_where_they_are(interacting: bool) -> None:
    def score(at: dict[str, Any]) -> float:
        sign = -1 if interacting and at["hidden_units"] > 16 else 1
        return 0.7 + 0.1 * sign * int(at["lr"] > 0.1)

    made = trials({"lr": [0.1, 0.2], "hidden_units": [16, 64], "epochs": [10]}, score).assign(strategy="grid", place=0)
    made["replicate"] = made["seed"]
    assert ("can miss it" in strategy_claims.interactions(searched(made))) == interacting
    assert "4 combinations, 40 model-epochs and 4 s of training" in strategy_claims.size_and_cost(searched(made))
    assert "not balanced" in strategy_claims.interactions(searched(made[1:]))


def test_the_budget_of_halving_is_kept() -> None:
    for budget, most in ((36, 9), (32, 4), (100, 27), (5, 1)):
        n = strategies.affordable(budget, most)
        rungs = sorted({most // 3**k for k in range(9)} - {0})
        cost = sum((n // 3**k) * (r - (rungs[k - 1] if k else 0)) for k, r in enumerate(rungs))
        assert n > 0
        assert cost <= budget or n == 1


@pytest.mark.parametrize(("number", "exercise"), EXERCISES.items())
def test_the_table_of_exercises_is_sound(number: str, exercise: Exercise) -> None:
    claimed = [name for name in (exercise.answer, *exercise.evidence, *exercise.certainty) if isinstance(name, str)]
    for name in ("collect_data", "build_study", "answer_table", "answer_plot", *claimed):
        assert callable(exercise.function(name))
    path = experiments_folder() / f"exercise-{number}.toml"
    if exercise.measured in ("step_times", "matrix_sizes"):
        assert not path.exists()
        return
    assert path.read_text("utf-8").startswith(f"# Question: {exercise.question}\n")
    efforts: dict[Effort, int] = {"quick": 2, "default": 3, "thorough": 5}
    for effort, seeds in efforts.items():
        experiment = read_experiment(path, effort)
        assert len(experiment.seeds) >= seeds
        assert experiment.strategy().size() >= 2
        if exercise.measured != "strategies":
            varied = {exercise.axis, exercise.along} - {""}
            assert set(experiment.varied) == varied


if __name__ == "__main__":
    SNAPSHOT.write_text(snapshot(), "utf-8")

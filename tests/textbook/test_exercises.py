"""Answers of the exercises: their words follow from results whose truth is known, with a best, a tie and one seed."""

import math
from collections.abc import Callable, Iterable
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlpctl.report.figures.draw import draw
from mlpctl.runner.experiment_file import read_experiment
from mlpctl.textbook.exercises import (
    activations,
    depth,
    hidden_units,
    initial_weights,
    joint_search,
    learning_rate,
    single_neuron,
    step_time,
)
from mlpctl.textbook.exercises.answer import Answer
from mlpctl.textbook.exercises.catalog import EXERCISES
from mlpctl.textbook.exercises.solve import experiment_file

Score = Callable[[dict[str, Any]], float]


def trials(axes: dict[str, Iterable[Any]], score: Score, *, seeds: int = 5, noise: float = 0.001) -> pd.DataFrame:
    """Return made-up trials of a grid: the score, a little noise, and the columns that answers look at."""
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


def text(answer: Answer) -> str:
    assert answer.plot is not None
    draw(answer.plot)
    return " ".join(answer.sentences)


def best_at(name: str, value: Any, gain: float = 0.1) -> Score:
    return lambda at: 0.7 + gain * (at[name] == value)


def level(_: dict[str, Any]) -> float:
    return 0.7


ONE_AXIS: dict[str, tuple[Any, dict[str, Iterable[Any]], str, Any, Any]] = {
    "5.2.1": (hidden_units.answer, {"hidden_units": [4, 16, 64, 256]}, "hidden_units", 64, 16),
    "5.2.2": (depth.answer, {"hidden_layers": [1, 2, 3], "epochs": [1, 10]}, "hidden_layers", 2, 3),
    "5.2.4": (learning_rate.answer, {"lr": [0.01, 0.1, 0.5], "epochs": [1, 10]}, "lr", 0.1, 0.5),
    "5.2.8": (activations.answer, {"activation": ["relu", "tanh", "elu"], "lr": [0.1]}, "activation", "tanh", "relu"),
    "5.2.9": (
        initial_weights.answer, {"init": ["default", "normal", "uniform"], "epochs": [1, 10]},
        "init", "normal", "uniform",
    ),
}  # fmt: skip


@pytest.mark.parametrize("number", ONE_AXIS)
def test_a_known_best_is_named_and_another_when_the_data_change(number: str) -> None:
    answer, axes, axis, *winners = ONE_AXIS[number]
    said = [text(answer(trials(axes, best_at(axis, winner)))) for winner in winners]
    for winner, words in zip(winners, said, strict=True):
        sentence = next(s for s in words.split(". ") if "est is" in s)
        assert str(winner) in sentence.split("validation accuracy")[0], sentence
        assert "beyond chance" in words
    assert said[0] != said[1]


@pytest.mark.parametrize("number", ONE_AXIS)
def test_a_tie_is_called_one(number: str) -> None:
    answer, axes, *_ = ONE_AXIS[number]
    words = text(answer(trials(axes, level, noise=0.01)))
    assert "cannot be told apart from" in words
    assert "est is" not in words.replace("which is best is", "")


@pytest.mark.parametrize("number", ONE_AXIS)
def test_one_seed_is_said_to_decide_nothing(number: str) -> None:
    answer, axes, axis, winner, _ = ONE_AXIS[number]
    words = text(answer(trials(axes, best_at(axis, winner), seeds=1)))
    assert "one seed cannot tell an effect from chance" in words
    assert "beyond chance" not in words


def test_units_name_the_fewest_that_may_be_as_good() -> None:
    score: Score = lambda at: 0.9 - (0.2 if at["hidden_units"] < 16 else 0)  # noqa: E731
    words = text(hidden_units.answer(trials({"hidden_units": [4, 16, 64, 256]}, score)))
    assert "The fewest that are not shown to be worse are 16" in words or "16 are also the fewest" in words
    assert "With 64 instead of 4 units validation accuracy rises by" in words
    assert "With 256 instead of 64 units validation accuracy changes by" in words


@pytest.mark.parametrize(("gain", "expected"), [(0.05, "rises by 0.0"), (-0.05, "falls by 0.0"), (0.0, "no change")])
def test_one_more_layer_may_help_hurt_or_do_nothing(gain: float, expected: str) -> None:
    score: Score = lambda at: 0.8 + gain * (at["hidden_layers"] == 2)  # noqa: E731
    words = text(depth.answer(trials({"hidden_layers": [1, 2], "epochs": [1, 10]}, score)))
    assert "After 10 epochs: with a second hidden layer validation accuracy" in words
    assert expected in words.split("After 1 epoch")[0]


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


def test_a_single_neuron_is_narrow_and_may_be_dead() -> None:
    words = text(single_neuron.answer(neurons([True, False, False, True, False, False], seeds=6)))
    assert "of ten classes 1 to 4 are ever predicted" in words
    assert "a single direction holds 100 % of the outputs' variance (40 % with 256)" in words
    assert "In 2 of 6 seeds (33 %, 95 % interval 4 % to 78 %) the unit is dead" in words
    assert "mean accuracy 0.1000. 0 of these 2 were dead before the first step, 2 died in training" in words
    assert "In the other 4, accuracy is 0.3" in words
    alive = text(single_neuron.answer(neurons([False] * 6, seeds=6)))
    assert "In none of 6 seeds is the unit dead; up to 46 %" in alive
    nearly = neurons([True, False, False, True, False, False], seeds=6)
    nearly.loc[1, ["classes", "active", "val_accuracy"]] = [1.0, 0.0012, 0.11]
    assert "In 1 more it is positive for 0.12 % of the training examples at most" in text(single_neuron.answer(nearly))
    one = text(single_neuron.answer(neurons([True], seeds=1)))
    assert "the one seed there is" in one
    assert "beyond chance" not in one


def test_shares_have_exact_intervals() -> None:
    from scipy.stats import binomtest

    for k, n in ((0, 5), (2, 6), (6, 6)):
        known = binomtest(k, n).proportion_ci(method="exact")
        assert single_neuron.share_interval(k, n) == pytest.approx((known.low, known.high))


@pytest.mark.parametrize("move", [True, False])
def test_the_best_rate_moves_with_epochs_or_not(move: bool) -> None:
    def score(at: dict[str, Any]) -> float:
        best = 0.5 if move and at["epochs"] == 1 else 0.1
        return 0.9 - 0.1 * abs(math.log10(at["lr"] / best))

    words = text(learning_rate.answer(trials({"lr": [0.01, 0.1, 0.5, 1.0], "epochs": [1, 10]}, score)))
    assert ("The best learning rate falls with the number of epochs" in words) == move
    assert ("depends on the number of epochs is not shown" in words) == (not move)
    assert "0.1 after 10 epochs" in words
    edge = text(learning_rate.answer(trials({"lr": [0.1, 0.5, 1.0], "epochs": [10]}, best_at("lr", 1.0))))
    assert "It is the largest that was tried" in edge


def test_a_rate_that_diverges_is_told_and_is_not_best() -> None:
    made = trials({"lr": [0.1, 3.0], "epochs": [10]}, lambda at: 0.9 if at["lr"] == 3.0 else 0.8)
    made.loc[(made["lr"] == 3.0) & (made["seed"] == 1), "status"] = "diverged"
    words = text(learning_rate.answer(made))
    assert "1 of 5 diverged at 3" in words
    assert "only a learning rate of 0.1 could be scored" in words


def test_activations_are_compared_at_their_own_best_rate() -> None:
    score: Score = lambda at: {("relu", 0.1): 0.8, ("relu", 0.5): 0.5, ("sigmoid", 0.1): 0.6, ("sigmoid", 0.5): 0.85}[  # noqa: E731
        at["activation"], at["lr"]
    ]  # fmt: skip
    answer = activations.answer(trials({"activation": ["relu", "sigmoid"], "lr": [0.1, 0.5]}, score))
    words = text(answer)
    assert "Each at its own best learning rate: best is sigmoid" in words
    assert "relu at 0.1 and sigmoid at 0.5; none may be the best at all: the rate decides" in words
    assert [row["lr"] for row in answer.table.rows if row["own_best"]] == [0.1, 0.5]


def test_an_activation_that_diverges_at_one_rate_is_in_the_running_at_the_other() -> None:
    made = trials({"activation": ["relu", "identity"], "lr": [0.1, 0.5]}, best_at("activation", "identity"))
    made.loc[(made["activation"] == "identity") & (made["lr"] == 0.5), "status"] = "diverged"
    words = text(activations.answer(made))
    assert "best is identity" in words
    assert "5 of 5 diverged at identity, lr 0.5; " in words


def test_inits_that_break_no_symmetry_are_apart() -> None:
    score: Score = lambda at: {"default": 0.85, "normal": 0.85, "zeros": 0.1}[at["init"]]  # noqa: E731
    words = text(
        initial_weights.answer(trials({"init": ["default", "normal", "zeros"], "epochs": [1, 10]}, score, noise=0.005))
    )
    assert words.startswith("That it matters is not shown")
    assert "zeros reaches 0.0" in words or "zeros reaches 0.1" in words


def times(ratio: float, *, seeds: int = 5, noise: float = 0.01) -> pd.DataFrame:
    made = trials({"implementation": ["scratch", "kernel"], "hidden_units": [16, 64, 256]}, level, seeds=seeds)
    rng = np.random.default_rng(1)
    slower = np.where(made["implementation"] == "scratch", ratio, 1.0)
    made["seconds_per_step"] = slower * made["hidden_units"] / 100 * np.exp(noise * rng.normal(size=len(made)))
    return made


def test_the_fastest_is_named_only_where_times_are_apart() -> None:
    words = text(step_time.answer(times(2.0)))
    assert "With 16 hidden units the kernel is fastest" in words
    assert "beyond chance over 5 rounds" in words
    assert "the kernel 2.0" in words  # a doubled width takes twice as long
    assert "scratch is fastest" in text(step_time.answer(times(0.5)))
    tie = text(step_time.answer(times(1.0, noise=0.05)))
    assert "cannot be told apart from" in tie
    assert "spread over more than 10 %" in tie
    assert "measured once" in text(step_time.answer(times(2.0, seeds=1)))


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


def test_strategies_are_compared_at_equal_budget() -> None:
    words = text(joint_search.answer(searches({"grid": 0.0, "random": 0.05, "halving": -0.03})))
    assert "At 24 model-epochs each, random search chose what scores best in testing" in words
    assert "better than grid and halving beyond chance over 5 searches each" in words
    assert "random in 5 of 5 searches, after 75 % of its budget (median) and halving in none of 5" in words
    tie = text(joint_search.answer(searches({"grid": 0.0, "random": 0.0}, noise=0.01)))
    assert "cannot be told apart from" in tie
    one = text(joint_search.answer(searches({"grid": 0.0, "random": 0.05}, replicates=1)))
    assert "with one search each that says little" in one
    assert "beyond chance over" not in one


def test_what_a_search_spends_beyond_the_budget_does_not_count() -> None:
    made = searches({"grid": 0.0, "random": 0.0})
    extra = made[made["strategy"] == "random"].assign(val_accuracy=0.99, test_accuracy=0.99, lr=7.0)
    words = text(joint_search.answer(pd.concat([made, extra], ignore_index=True)))
    assert "0.99" not in words


def test_epochs_of_one_run_are_paid_once() -> None:
    rows = [(0.1, 1), (0.2, 1), (0.1, 3), (0.1, 9), (0.2, 9)]
    made = pd.DataFrame([{"strategy": "halving", "replicate": 0, "lr": lr, "epochs_done": e} for lr, e in rows])
    assert joint_search.with_cost(made)["spent"].tolist() == [1, 2, 4, 10, 18]


@pytest.mark.parametrize("interacting", [True, False])
def test_interactions_are_found_where_they_are(interacting: bool) -> None:
    def score(at: dict[str, Any]) -> float:
        sign = -1 if interacting and at["hidden_units"] > 16 else 1
        return 0.7 + 0.1 * sign * int(at["lr"] > 0.1)

    made = trials({"lr": [0.1, 0.2], "hidden_units": [16, 64], "epochs": [10]}, score).assign(strategy="grid", place=0)
    made["replicate"] = made["seed"]
    words = text(joint_search.answer(made))
    assert ("tuning one after the other can miss it" in words) == interacting
    assert "2 × 2 values of lr and hidden units make 4 combinations, 40 model-epochs and 4 s of training" in words
    holes = text(joint_search.answer(made[1:]))
    assert "the grid is not balanced" in holes


@pytest.mark.parametrize("number", EXERCISES)
@pytest.mark.parametrize("effort", ["quick", "default", "thorough"])
def test_every_effort_is_a_sound_experiment(number: str, effort: Any) -> None:
    if number in ("5.2.6", "5.2.7"):
        return  # measure steps and products: their plans are in code
    path = experiment_file(number)
    experiment = read_experiment(path, effort)
    assert path.read_text("utf-8").startswith(f"# Question: {EXERCISES[number].question}\n")
    assert len(experiment.seeds) >= (2 if effort == "quick" else 3)
    assert effort != "thorough" or len(experiment.seeds) >= 5
    assert experiment.strategy().size() >= 2


def test_the_budget_of_halving_is_kept() -> None:
    for budget, most in ((36, 9), (32, 4), (100, 27), (5, 1)):
        n = joint_search.affordable(budget, most)
        rungs = sorted({most // 3**k for k in range(9)} - {0})
        cost = sum((n // 3**k) * (r - (rungs[k - 1] if k else 0)) for k, r in enumerate(rungs))
        assert n > 0
        assert cost <= budget or n == 1

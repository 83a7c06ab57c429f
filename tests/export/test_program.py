"""The programs that `mlpctl export` writes print the curves of their trials."""

import math
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mlpctl.errors import UsageError
from mlpctl.export.formats import Framework
from mlpctl.export.program import program_of, write_program
from mlpctl.models.resolution import BY_OPTIMIZER, BY_SCHEDULE
from mlpctl.runner.trial import Trial, trial_of
from mlpctl.spec import Activation, Init, Loss, make_spec
from tests.helpers.programs import Curve, curve_trained, curves_printed

FRAMEWORKS: tuple[Framework, ...] = get_args(Framework)
CLASSES, NUMBERS = ("iris", "digits", "langid", "breast-cancer"), ("linreg", "diabetes")
RATES = {"sgd": 0.05, "momentum": 0.01, "nesterov": 0.01, "adagrad": 0.01}


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    """Return the fields of a spec that can be trained, and does not diverge."""
    dataset = draw(st.sampled_from((*CLASSES, *NUMBERS, "gates")))
    optimizer, schedule = draw(st.sampled_from(sorted(BY_OPTIMIZER))), draw(st.sampled_from(sorted(BY_SCHEDULE)))
    fields: dict[str, Any] = {
        "dataset": dataset,
        "epochs": draw(st.integers(1, 3)),
        "batch_size": draw(st.sampled_from((2,) if dataset == "gates" else (33, 64, "full"))),
        "dtype": draw(st.sampled_from(("float64", "float64", "float32"))),
        "seed": draw(st.integers(0, 2**40)),
    }
    if draw(st.booleans()) and dataset in ("gates", "iris"):
        return {**fields, "model": draw(st.sampled_from(("perceptron", "softmax"))), "lr": 0.1}
    widths = draw(st.lists(st.sampled_from((3, 8, 16)), max_size=3))
    losses = ("mse", "half_mse", "huber", "l1")
    fields |= {
        "model": "parallel" if widths and draw(st.integers(0, 4)) == 0 else "mlp",
        "widths": tuple(widths) or "none",
        "bias": draw(st.booleans()),
        "init": draw(st.sampled_from(get_args(Init))),
        "loss": draw(st.sampled_from(losses if dataset in NUMBERS else (*losses, "cross_entropy", "nll", "bce"))),
        "optimizer": optimizer,
        "lr": RATES.get(optimizer, 0.002),
        "weight_decay": draw(st.sampled_from((0.0, 0.01))),
        "decay_biases": draw(st.booleans()),
        # The sign of a weight beside 0 is rounding in float32.
        "l1": draw(st.sampled_from((0.0, 0.0, 0.003))) if fields["dtype"] == "float64" else 0.0,
        "lr_schedule": schedule,
    }
    if dataset in CLASSES and draw(st.integers(0, 3)) == 0:
        fields["class_weight"] = "balanced"
    if dataset == "diabetes":
        fields |= {"lr": 1e-4, "scaling": "standard"}
    if optimizer in ("momentum", "nesterov", "rmsprop"):
        fields["momentum"] = draw(st.sampled_from((0.0, 0.9)))
    if schedule in ("cosine", "step"):
        fields["warmup_epochs"] = draw(st.sampled_from((0.0, 0.5)))
    if schedule == "step":
        fields |= {"lr_step": 1, "lr_gamma": 0.5}
    if widths:
        fields |= {
            "activation": draw(st.sampled_from(get_args(Activation))),
            "batch_norm": tuple(n for n in range(1, len(widths) + 1) if draw(st.booleans())) or "none",
            "dropout": draw(st.sampled_from((0.0, 0.3, tuple(0.1 * n for n in range(len(widths)))))),
        }
    return fields


@cache
def drawn_trials(count: int) -> list[Trial]:
    """Return trials of some random specs, the same in every run."""
    trials: dict[str, Trial] = {}

    @settings(
        derandomize=True, database=None, deadline=None, max_examples=count, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(specs())
    def draw(fields: dict[str, Any]) -> None:
        trial = trial_of(make_spec(fields))
        trials[trial.key] = trial

    draw()
    return list(trials.values())


def assert_equal(trial: Trial, printed: Curve, trained: Curve) -> None:
    """Check a curve: all of it to 1e-6 in float64, in float32 its first epoch to 1e-5."""
    double = trial.spec.dtype == "float64"
    assert [epoch for epoch, _ in printed] == [epoch for epoch, _ in trained]
    for (_, found), (_, expected) in list(zip(printed, trained, strict=True))[: None if double else 1]:
        known = {name: value for name, value in expected.items() if not math.isnan(value)}
        assert found == pytest.approx(known, rel=1e-6 if double else 1e-5, abs=1e-6 if double else 1e-5), trial.spec


def check(trials: list[Trial], framework: Framework, folder: Path) -> None:
    """Check that the programs of some trials print their curves."""
    paths = [folder / f"{trial.key}.py" for trial in trials]
    for trial, path in zip(trials, paths, strict=True):
        write_program(trial, framework, path)
    for trial, printed in zip(trials, curves_printed(framework, paths), strict=True):
        assert_equal(trial, printed, curve_trained(trial))


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_random_specs(framework: Framework, tmp_path: Path) -> None:
    trials = drawn_trials(40)
    assert len(trials) >= 30
    check(trials, framework, tmp_path)


SPECIAL: tuple[dict[str, Any], ...] = (
    {"dataset": "gates", "data": {"gate": "xor"}, "model": "gate"},  # nothing is trained
    {"dataset": "iris", "widths": (8,), "epochs": 0, "batch_norm": "all"},
    {"dataset": "iris", "batch_size": 25, "widths": (8,), "batch_norm": "all", "epochs": 3},  # one example is left out
    {"dataset": "iris", "model": "perceptron", "epochs": 3, "lr": 0.1},  # Kesler's construction
    {"dataset": "digits", "scaling": "unit", "widths": (16,), "epochs": 1},
    {"dataset": "digits", "scaling": "standard", "widths": (16,), "epochs": 1},
    {"dataset": "iris", "widths": (8,), "shuffle": False, "batch_size": 7, "epochs": 3},
    {"dataset": "iris", "scaling": "unit", "test_fraction": 0, "val_fraction": 0, "epochs": 2},
)


def every_word() -> list[Trial]:
    """Return trials of iris that have every activation, rule of initial weights, loss, optimizer and schedule."""
    losses = [loss for loss in get_args(Loss) if loss != "perceptron"]
    words = (get_args(Activation), get_args(Init), losses, sorted(BY_OPTIMIZER), sorted(BY_SCHEDULE))
    rows = zip(*(islice(cycle(list_), max(map(len, words))) for list_ in words), strict=True)
    names = ("activation", "init", "loss", "optimizer", "lr_schedule")
    base = {"dataset": "iris", "widths": (8, 8), "epochs": 2, "lr": 0.01, "weight_decay": 0.01, "dtype": "float64"}
    return [
        trial_of(make_spec({**base, **dict(zip(names, row, strict=True)), "batch_norm": (1 + n % 2,), "dropout": 0.2}))
        for n, row in enumerate(rows)
    ]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_every_word(framework: Framework, tmp_path: Path) -> None:
    check(every_word(), framework, tmp_path)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_special_specs(framework: Framework, tmp_path: Path) -> None:
    trials = [trial_of(make_spec({"dtype": "float64", **fields})) for fields in SPECIAL]
    check(trials, framework, tmp_path)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_diverging_trial_ends_in_the_same_epoch(framework: Framework, tmp_path: Path) -> None:
    fields = {"dataset": "iris", "widths": (8,), "lr": 1e120, "epochs": 9, "dtype": "float64"}
    trial = trial_of(make_spec(fields))
    write_program(trial, framework, tmp_path / "program.py")
    (printed,) = curves_printed(framework, [tmp_path / "program.py"])
    assert len(printed) == len(curve_trained(trial)) < 9


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_only_the_parts_that_are_used(framework: Framework) -> None:
    plain = program_of(trial_of(make_spec({"dataset": "iris", "epochs": 1, "model": "softmax"})), framework).text
    for absent in (
        "DROPOUT",
        "Dropout",
        "normalize",
        "BatchNorm",
        "learning_rate(",
        "normals(",
        "relu",
        "MOMENTUM",
        "Path",
    ):
        assert absent not in plain


def test_small_data_stand_in_the_program_and_large_data_beside_it(tmp_path: Path) -> None:
    iris, digits = (trial_of(make_spec({"dataset": name})) for name in ("iris", "digits"))
    assert write_program(iris, "numpy", tmp_path / "iris.py") == [tmp_path / "iris.py"]
    assert write_program(digits, "numpy", tmp_path / "digits.py") == [
        tmp_path / "digits.py",
        tmp_path / "digits-data.npz",
    ]
    with np.load(tmp_path / "digits-data.npz") as stored:
        assert len(stored["X"]) == len(stored["y"])
    with pytest.raises(UsageError, match="-o"):
        program_of(digits, "numpy")


def test_a_trial_whose_key_is_not_that_of_its_spec_is_refused() -> None:
    iris = trial_of(make_spec({"dataset": "iris"}))
    with pytest.raises(UsageError, match="older"):
        program_of(Trial(iris.spec, iris.dataset, '"""\nimport os'), "numpy")

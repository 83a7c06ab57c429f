"""Sweeps over functions: what they get, what they may return, how they fail, what is called again."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import mlpctl
from mlpctl.errors import UsageError
from tests.helpers.pages import ROOT, blocks

CALLS: list[dict[str, object]] = []


def plane(x: float, y: int, seed: int, scale: float = 1.0) -> float:
    CALLS.append({"x": x, "y": y, "seed": seed, "scale": scale})
    return scale * (x + y)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    CALLS.clear()


def test_a_function_is_called_with_every_combination_and_once() -> None:
    results = mlpctl.sweep(objective=plane, axes={"x": [0.5, 1.5], "y": np.arange(2)}, seeds=2, params={"scale": 2.0})
    asked = [{"x": x, "y": y, "seed": s, "scale": 2.0} for s in (0, 1) for x in (0.5, 1.5) for y in (0, 1)]
    assert asked == CALLS
    trials = results.trials
    assert (trials["val_score"] == 2 * (trials["params.x"] + trials["params.y"])).all()
    assert (results.best["params.x"], results.best["params.y"]) == (1.5, 1)
    wider = mlpctl.sweep(
        objective=plane, axes={"x": [0.5, 1.5, 2.5], "y": [0, 1]}, seeds=2, params={"scale": 2.0}, jobs=2
    )
    assert (len(CALLS), len(wider.trials)) == (12, 12)


def test_a_changed_function_is_another_trial() -> None:
    mlpctl.sweep(objective=lambda x: x, axes={"x": [1]}, name="r")
    mlpctl.sweep(objective=lambda x: x + 1, axes={"x": [1]}, name="r")
    assert sorted(mlpctl.load("results/r", every=True).trials["val_score"]) == [1, 2]


def test_a_number_to_minimize_is_a_cost() -> None:
    results = mlpctl.sweep(objective=lambda x: (x - 1) ** 2, axes={"x": [0, 1, 3]}, minimize="height")
    assert (results.best["params.x"], list(results.trials["val_cost"])) == (1, [1, 0, 4])
    both = {"axes": {"x": [2, 1]}, "name": "named", "minimize": "height"}
    named = mlpctl.sweep(objective=lambda x: {"height": np.float32(x), "accuracy": 0.5}, **both)  # type: ignore[arg-type]
    assert named.best["params.x"] == 1


def epochs_of(x: float, epochs: int) -> Iterator[dict[str, float]]:
    for epoch in range(epochs):
        CALLS.append({})
        yield {"loss": x / (epoch + 1), "accuracy": float("nan") if x > 5 and epoch else 0.5}


def test_a_generator_has_epochs_and_is_halved() -> None:
    results = mlpctl.sweep(objective=epochs_of, axes={"x": [1, 2, 9]}, epochs=3, metric="loss")
    assert list(results.epochs[results.epochs["key"] == results.trials["key"][0]]["val_loss"]) == [1, 1 / 2, 1 / 3]
    assert list(results.trials["status"]) == ["ok", "ok", "diverged"]
    CALLS.clear()
    mlpctl.sweep(objective=epochs_of, axes={"x": {"lin": [1, 2]}}, epochs=4, name="rungs", trials=4,
                 search={"method": "halving", "eta": 2})  # fmt: skip
    assert len(CALLS) == 4 + 2 * 2 + 4


def broken(x: float) -> float:
    return 1 / x  # the place that is told


def slow(x: float) -> float:
    time.sleep(0.3 * x)
    return x


def test_a_function_that_fails_is_a_row_with_the_user_s_own_line() -> None:
    trials = mlpctl.sweep(objective=broken, axes={"x": [0, 1]}).trials
    assert list(trials["status"]) == ["crashed", "ok"]
    assert trials["error"][0].startswith("ZeroDivisionError: division by zero (line ")
    assert trials["error"][0].endswith(": return 1 / x  # the place that is told)")
    assert list(mlpctl.sweep(objective=slow, axes={"x": [0, 1]}, timeout=0.2).trials["status"]) == ["ok", "timeout"]
    words = mlpctl.sweep(objective=lambda x: f"{x}", axes={"x": [0]}, name="words").trials
    assert words["error"][0].startswith("ValueError: an objective gives a number")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"axes": {"x": [1], "y": [1], "z": [1]}}, "plane has no parameter 'z'"),
        ({"axes": {"x": [1]}}, "plane needs y"),
        ({"axes": {"x": [1], "y": [1]}, "epochs": 3}, "plane has no parameter 'epochs'"),
        ({"axes": {"x": [1], "y": [1]}, "command": "ls"}, "either an objective or a command"),
        ({"axes": {"x": [1], "y": [1]}, "save": True}, "leave --save out"),
        ({"axes": {"x": [[{}]], "y": [1]}}, "axis params.x: a value is text, a number"),
        ({"axes": {"x": [plane], "y": [1]}}, "x must be text, a number"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_runs(given: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        mlpctl.sweep(objective=plane, **given)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="must be a function"):
        mlpctl.sweep(objective=print, axes={"x": [1]})
    assert not CALLS


def test_the_python_of_the_page_works() -> None:
    (_, shown) = blocks(ROOT / "docs" / "program.md", "python")
    space: dict[str, object] = {"__name__": "shown"}
    exec(shown, space)
    assert 0 <= float(str(space["best"])) <= 1

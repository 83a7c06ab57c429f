"""Axes, experiment files, and the searches."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpctl.errors import UsageError
from mlpctl.runner.experiment import Experiment, base_of, parse_settings, seeds_of
from mlpctl.runner.experiment_file import read_experiment
from mlpctl.search.axes import Axis, make_axis, parse_axis
from mlpctl.search.grid import Grid
from mlpctl.search.random import Random
from mlpctl.search.space import make_space


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("lr=0.01,0.1", (0.01, 0.1)),
        ("lr=0.3,0.30000000000000004", (0.3,)),
        ("lr=log:1e-3:1e-1:3", (0.001, 0.01, 0.1)),
        ("lr=lin:0.1:0.3:3", (0.1, 0.2, 0.3)),
        ("hidden-units=int:2:6:3", (2, 4, 6)),
        ("hidden_units=log:4:64:3", (4, 16, 64)),
        ("batch_size=log:4:64:3", (4, 16, 64)),
        ("widths=64;128,64", ((64,), (128, 64))),
        ("batch_norm=none;1,2;all", ((), (1, 2), ("all",))),
        ("activation=relu,tanh", ("relu", "tanh")),
        ("data.noise=0.1,1", ("0.1", "1")),
    ],
)
def test_axes_as_they_are_written(text: str, values: tuple[Any, ...]) -> None:
    assert parse_axis(text).values == pytest.approx(values) if isinstance(values[0], float) else values


@pytest.mark.parametrize(
    ("name", "given", "values"),
    [
        ("lr", [0.1, 0.2], (0.1, 0.2)),
        ("lr", {"log": [0.001, 0.1], "count": 3}, (0.001, 0.01, 0.1)),
        ("widths", [[8], [8, 4]], ((8,), (8, 4))),
        ("hidden_units", {"int": [1, 3], "count": 3}, (1, 2, 3)),
    ],
)
def test_axes_in_a_file(name: str, given: object, values: tuple[Any, ...]) -> None:
    assert make_axis(name, given).values == values


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lr", "--axis is written NAME=V1,V2"),
        ("lr=", "axis lr is empty"),
        ("lr=0.1,,0.2", "axis lr is empty"),
        ("lr=0,1", "lr must be greater than 0, got '0'"),
        ("leraning_rate=1", "unknown axis 'leraning_rate'"),
        ("activation=relu,tahn", "did you mean 'tanh'?"),
        ("lr=log:0:1:3", "a log range needs low > 0, got 0"),
        ("lr=log:1:0.1:3", "low < high must hold, got 1 and 0.1"),
        ("lr=log:1", "log needs LOW:HIGH or LOW:HIGH:COUNT, got 1 numbers"),
        ("lr=log:a:b:3", "as numbers, got a:b:3"),
        ("lr=log:1e-3:1:1", "needs a count from 2 to 1,000,000, got 1"),
        ("activation=log:1:2:3", "takes words, not a range"),
    ],
)
def test_wrong_axes_say_what_must_hold(text: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_axis(text)
    assert message in str(error.value)


def test_a_grid_has_every_combination_once_and_epochs_fastest() -> None:
    grid = Grid(
        make_space((make_axis("epochs", [1, 2]), make_axis("lr", [0.1, 0.2]), make_axis("hidden_units", [4, 8])))
    )
    cells = list(grid.ask())
    assert len(cells) == grid.size() == 8
    assert len({tuple(sorted(cell.items())) for cell in cells}) == 8
    assert [cell["epochs"] for cell in cells[:4]] == [1, 2, 1, 2]


def test_a_grid_needs_values() -> None:
    with pytest.raises(UsageError, match="is a range without a count"):
        Grid(make_space((make_axis("lr", "log:1e-3:1"),)))


AXES = (make_axis("lr", "log:1e-4:1"), make_axis("hidden_units", "int:4:64"), make_axis("activation", ["relu", "tanh"]))
SPACE = make_space(AXES)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(0, 1000))
def test_random_search_is_seeded_distinct_and_grows_by_its_end(trials: int, seed: int) -> None:
    drawn = list(Random(SPACE, trials, seed).ask())
    assert len(drawn) == trials == Random(SPACE, trials, seed).size()
    assert len({tuple(d.values()) for d in drawn}) == trials
    assert drawn == list(Random(SPACE, trials + 5, seed).ask())[:trials]
    for proposal in drawn:
        assert 1e-4 <= proposal["lr"] <= 1
        assert 4 <= proposal["hidden_units"] <= 64
        assert isinstance(proposal["hidden_units"], int)


def test_another_axis_does_not_move_this_one() -> None:
    one = [d["lr"] for d in Random(make_space(AXES[:1]), 5).ask()]
    assert [d["lr"] for d in Random(SPACE, 5).ask()] == one


def test_random_search_ends_where_nothing_new_is_left() -> None:
    axes = (make_axis("activation", ["relu", "tanh"]), make_axis("hidden_units", [4, 8]))
    assert len(list(Random(make_space(axes), 100).ask())) == Random(make_space(axes), 100).size() == 4


def test_log_ranges_are_drawn_evenly_on_a_log_scale() -> None:
    drawn = [d["lr"] for d in Random(make_space(AXES[:1]), 400).ask()]
    assert 150 < sum(lr < 0.01 for lr in drawn) < 250


FILE = """
seeds = 3
[spec]
dataset = "iris"
lr = 0.1
[spec.data]
[axes]
hidden_units = [4, 8]
lr = {log = [1e-3, 1.0], count = 4}
[search]
method = "random"
trials = 7
[select]
on = "test"
"""


def test_a_file_is_read_and_written_as_it_says(tmp_path: Path) -> None:
    import tomli_w

    path = tmp_path / "ex.toml"
    path.write_text(FILE)
    experiment = read_experiment(path)
    assert (experiment.name, experiment.seeds) == ("ex", (0, 1, 2))
    assert experiment.select.on == "test"
    assert [axis.name for axis in experiment.axes] == ["hidden_units", "lr"]
    again = tmp_path / "again.toml"
    again.write_text(tomli_w.dumps(experiment.as_toml()))
    assert read_experiment(again) == experiment


def test_a_syntax_error_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "ex.toml"
    path.write_text("seeds = 3\n[spec\n")
    with pytest.raises(UsageError, match=r"ex\.toml .*line 2"):
        read_experiment(path)


def test_all_problems_of_a_file_come_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ex.toml"
    path.write_text(
        'sedes = 3\n[spec]\nlr = -1\nactivaton = "relu"\n[axes]\nepochs = []\nmomentun = [1]\n'
        '[search]\nmethod = "gird"\n[select]\non = "valid"\n'
    )
    with pytest.raises(UsageError) as error:
        read_experiment(path)
    text = "\n".join(error.value.problems)
    for part in ("'sedes'", "lr must be", "'activaton'", "axis epochs is empty", "'momentun'", "'gird'", "'valid'"):
        assert part in text, part


@pytest.mark.parametrize(
    ("given", "base", "seeds"),
    [(3, {}, (0, 1, 2)), ("2", {"seed": 5}, (5, 6)), ("4,7", {}, (4, 7)), ([1, 1], {}, (1,))],
)
def test_seeds(given: Any, base: dict[str, Any], seeds: tuple[int, ...]) -> None:
    assert seeds_of(given, base) == seeds


@pytest.mark.parametrize("given", [0, "x", "-1,2", []])
def test_wrong_seeds(given: Any) -> None:
    with pytest.raises(UsageError, match="seed"):
        seeds_of(given, {})


def test_settings_and_options_of_the_dataset() -> None:
    assert parse_settings(["hidden-units=3", "data.noise=1"]) == {"hidden_units": "3", "data.noise": "1"}
    assert base_of({"data.noise": "1", "lr": "0.1"}, where="") == {"lr": 0.1, "data": {"noise": "1"}}
    with pytest.raises(UsageError, match="KEY=VALUE"):
        parse_settings(["lr"])


def test_an_axis_value_replaces_the_fixed_one() -> None:
    experiment = Experiment("x", {"lr": 0.5, "data": {"noise": "1"}}, (Axis("lr", (0.1,)),))
    spec = experiment.specs({"lr": 0.1, "data.w": "1,2"}, seed=3)
    assert (spec.lr, spec.seed, spec.data) == (0.1, 3, {"noise": "1", "w": "1,2"})

"""Conditional axes, zipped axes and explicit lists: exactly the configurations that are meant."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpctl.errors import UsageError
from mlpctl.runner.experiment_file import read_experiment
from mlpctl.runner.trial import trial_of
from mlpctl.search.axes import Axis, make_axis, parse_axis
from mlpctl.search.listed import read_list
from mlpctl.search.random import Random
from mlpctl.search.sobol import Sobol
from mlpctl.search.space import Space, make_space, zipped
from mlpctl.spec import make_spec


def configurations(space: Space) -> set[tuple[tuple[str, Any], ...]]:
    found = [tuple(sorted(chosen.items())) for chosen in space.combinations()]
    assert len(found) == len(set(found)) == space.size()
    return set(found)


def test_an_axis_exists_only_where_its_condition_holds() -> None:
    axes = [
        parse_axis("momentum=0.5,0.9 when optimizer=momentum,nesterov"),
        parse_axis("lr=0.01,0.1"),
        parse_axis("optimizer=sgd,momentum,nesterov"),
    ]
    expected = {(("lr", lr), ("optimizer", "sgd")) for lr in (0.01, 0.1)} | {
        (("lr", lr), ("momentum", m), ("optimizer", o))
        for lr, m, o in product((0.01, 0.1), (0.5, 0.9), ("momentum", "nesterov"))
    }
    assert configurations(make_space(axes)) == expected  # 10: 2 + 8


def test_conditions_chain() -> None:
    axes = [
        make_axis("warmup_epochs", {"values": [1, 2], "when": {"lr_schedule": "warmup", "optimizer": "adam"}}),
        make_axis("lr_schedule", {"values": ["constant", "warmup"], "when": {"optimizer": ["adam"]}}),
        make_axis("optimizer", ["sgd", "adam"]),
    ]
    assert configurations(make_space(axes)) == {
        (("optimizer", "sgd"),),
        (("lr_schedule", "constant"), ("optimizer", "adam")),
        (("lr_schedule", "warmup"), ("optimizer", "adam"), ("warmup_epochs", 1)),
        (("lr_schedule", "warmup"), ("optimizer", "adam"), ("warmup_epochs", 2)),
    }


def test_a_condition_on_what_is_fixed() -> None:
    axis = parse_axis("momentum=0.5,0.9 when optimizer=momentum")
    assert len(configurations(make_space([axis], {"optimizer": "momentum"}))) == 2
    with pytest.raises(UsageError, match="never exists"):
        make_space([axis], {"optimizer": "sgd"})


FIELDS = ("dropout", "momentum", "weight_decay", "alpha")


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_size_is_the_number_of_combinations_and_draws_are_combinations(data: st.DataObject) -> None:
    """The oracle: go through the full product, and drop what does not exist."""
    axes: list[Axis] = []
    for number, name in enumerate(FIELDS):
        values = tuple(v / 10 for v in range(1, data.draw(st.integers(2, 4))))
        when: tuple[tuple[str, tuple[Any, ...]], ...] = ()
        if number and data.draw(st.booleans()):
            other = axes[data.draw(st.integers(0, number - 1))]
            when = ((other.name, other.values[:1]),)
        axes.append(Axis(name, values, when=when))
    expected = set()
    for values in product(*(axis.values for axis in axes)):
        chosen: dict[str, Any] = {}
        for axis, value in zip(axes, values, strict=True):
            if all(chosen.get(name) in allowed for name, allowed in axis.when):
                chosen[axis.name] = value
        expected.add(tuple(sorted(chosen.items())))
    space = make_space(data.draw(st.permutations(axes)))
    assert configurations(space) == expected
    for design in (Random(space, 500), Sobol(space, 500)):
        drawn = list(design.ask())
        assert {tuple(sorted(d.items())) for d in drawn} <= expected
        assert len(drawn) == len(expected) == design.size()


def test_zipped_axes_move_together() -> None:
    axes = [make_axis("hidden_units", [8, 16, 16]), make_axis("lr", [0.1, 0.1, 0.2])]  # repeated values stay in step
    assert configurations(make_space([zipped(axes), make_axis("activation", ["relu", "tanh"])])) == {
        (("activation", a), ("hidden_units", h), ("lr", lr))
        for a, (h, lr) in product(("relu", "tanh"), ((8, 0.1), (16, 0.1), (16, 0.2)))
    }


def test_a_list_of_configurations(tmp_path: Path) -> None:
    path = tmp_path / "trials.csv"
    path.write_text('lr,widths,momentum\n0.1,"16,8",\n0.2,none,0.5\n0.1,"16,8",\n')
    space = make_space([read_list(path), make_axis("batch_size", [4, 8])])
    assert configurations(space) == {
        tuple(sorted({**row, "batch_size": b}.items()))
        for row, b in product(({"lr": 0.1, "widths": (16, 8)}, {"lr": 0.2, "widths": (), "momentum": 0.5}), (4, 8))
    }


def test_all_problems_of_a_list_come_at_once(tmp_path: Path) -> None:
    path = tmp_path / "trials.csv"
    path.write_text("lr,activaton\n-1,relu\nx,tanh\n")
    with pytest.raises(UsageError) as error:
        read_list(path)
    assert list(error.value.problems) == [
        f"{path} line 2: axis lr: lr must be greater than 0, got '-1'",
        f"{path} line 2: unknown field 'activaton': did you mean 'activation'?",
        f"{path} line 3: axis lr: lr must be a valid number, unable to parse string as a number, got 'x'",
        f"{path} line 3: unknown field 'activaton': did you mean 'activation'?",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "list of configurations is empty"), ("lr\n", "is empty"), ("lr,widths\n0.1\n", "line 2: 2 cells are needed"),
     ("lr\n0.1,3\n", "line 2: 1 cells")],
)  # fmt: skip
def test_lists_that_cannot_be_read(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "list.csv").write_text(content)
    with pytest.raises(UsageError, match=message):
        read_list(tmp_path / "list.csv")
    with pytest.raises(UsageError, match="cannot read "):
        read_list(tmp_path / "nothing.csv")


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        (["momentum=0.5 when optimiser=momentum"], "unknown condition of axis momentum: 'optimiser': did you"),
        (["momentum=0.5 when optimizer=momentun"], "unknown optimizer 'momentun': did you mean 'momentum'?"),
        (["momentum=0.5 when optimizer"], "a condition is written when FIELD=V1,V2"),
        (["momentum=0.5 when optimizer=momentum"], "optimizer, which neither varies nor is fixed"),
        (["lr=0.1,1 when dropout=0.5", "dropout=0.5 when lr=0.1"], "axes lr, dropout go round in a circle"),
        (["data=3"], "is named data.OPTION"),
    ],
)  # fmt: skip
def test_wrong_conditions_say_what_must_hold(axes: Sequence[str], message: str) -> None:
    with pytest.raises(UsageError) as error:
        make_space([parse_axis(axis) for axis in axes])
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        (["lr=0.1,1", "hidden_units=1,2,3"], "lr has 2, hidden_units has 3"),
        (["lr=log:0.1:1", "hidden_units=1,2,3"], "got a range among lr, hidden_units"),
        (["optimizer=sgd", "momentum=0.5 when optimizer=momentum"], "need the same condition"),
    ],
)
def test_what_cannot_be_zipped(axes: Sequence[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        zipped([parse_axis(axis) for axis in axes])


FILE = """
zip = ["hidden_units", "lr"]
list = "some.csv"
seeds = 2
[spec]
dataset = "iris"
[axes]
hidden_units = [4, 8, 8]
lr = [0.1, 0.1, 0.2]
optimizer = ["sgd", "momentum", "rmsprop"]
momentum = { lin = [0.1, 0.9], when = { optimizer = "momentum" } }
alpha = { values = [0.5], when = { optimizer = ["rmsprop"] } }
[search]
method = "sobol"
"""


def test_a_file_is_read_and_written_as_it_says(tmp_path: Path) -> None:
    import tomli_w

    (tmp_path / "some.csv").write_text("batch_size,scaling\n4,unit\n8,none\n")
    (tmp_path / "ex.toml").write_text(FILE)
    experiment = read_experiment(tmp_path / "ex.toml")
    assert experiment.varied == (
        "batch_size", "scaling", "hidden_units", "lr", "optimizer", "momentum", "alpha"
    )  # fmt: skip
    again = tmp_path / "elsewhere" / "again.toml"  # what a results folder keeps needs no other file
    again.parent.mkdir()
    again.write_text(tomli_w.dumps(experiment.as_toml()))
    assert read_experiment(again) == experiment


def test_all_problems_of_a_file_come_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ex.toml"
    path.write_text(
        'list = [{lr = -1}]\n[axes]\nmomentum = {values = [2], when = {optimizer = "x"}}\nlr = {lgo = [1, 2]}\n'
        '[search]\nmethod = "halvign"\neta = 1\n'
    )
    with pytest.raises(UsageError) as error:
        read_experiment(path)
    problems = error.value.problems
    assert len(problems) == 5
    for part in (
        "[[list]] 1: axis lr",
        "unknown optimizer 'x'",
        "lr: a range is written",
        "did you mean 'halving'",
        "eta",
    ):
        assert sum(part in problem for problem in problems) == 1, part
    path.write_text(
        'zip = [["lr", "hidden_unit"], ["lr"]]\nlist = [{lr = 1.0}]\n[axes]\nlr = [1]\nhidden_units = [2]\n'
    )
    with pytest.raises(UsageError) as error:
        read_experiment(path)
    assert sorted(error.value.problems) == [
        "axis lr is given twice",
        "zip names 'hidden_unit', which is no axis: did you mean 'hidden_units'?",
        "zip names lr twice",
    ]


def test_nearly_equal_floats_are_one_value() -> None:
    assert parse_axis("lr=0.1,0.1000000000000000055,0.10000000000000002").values == (0.1,)
    keys = {
        trial_of(make_spec({"dataset": "iris", "lr": lr, "betas": (0.9, b), "optimizer": "adam"})).key
        for lr, b in product((0.3, 0.1 + 0.2), (0.99, 0.9900000000000001))
    }
    assert len(keys) == 1

"""Training, validation and test part."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mlpctl.data import clear_cache
from mlpctl.data.parts import SplitRule, doubts_of, split
from mlpctl.data.prepare import prepare
from mlpctl.errors import DataError, UsageError
from mlpctl.runner.trial import trial_of
from mlpctl.spec import make_spec
from tests.helpers.making import classes, numbers, resolved


@pytest.mark.parametrize("dataset", [classes(3, 150), numbers(n=151)])
def test_parts_are_disjoint_and_complete(dataset) -> None:  # type: ignore[no-untyped-def]
    parts = split(dataset, SplitRule(0.25, 0.1, 3))
    rows = np.concatenate(list(parts.values()))
    assert (np.sort(rows) == np.arange(len(dataset.y))).all()
    assert len(parts["test"]) == 38
    assert len(parts["val"]) == 12


def test_classes_keep_their_shares() -> None:
    y = np.repeat([0, 1, 2], [100, 40, 10]).astype(np.int32)
    dataset = replace(classes(3, 150), y=y)
    parts = split(dataset, SplitRule(0.2, 0.1, 0))
    assert np.bincount(y[parts["test"]]).tolist() == [20, 8, 2]
    assert np.bincount(y[parts["val"]]).tolist() == [8, 3, 1]


def test_the_split_follows_its_seed_alone() -> None:
    dataset = classes()
    one, again, other = (split(dataset, SplitRule(0.25, 0.1, seed))["test"] for seed in (0, 0, 1))
    assert (one == again).all()
    assert set(one.tolist()) != set(other.tolist())
    follows = [prepare(dataset, resolved(dataset, split_seed="seed", seed=seed)).parts["test"] for seed in (0, 1)]
    assert set(follows[0].tolist()) != set(follows[1].tolist())


def test_nothing_left_to_train_on_is_refused() -> None:
    with pytest.raises(UsageError, match="leave none of the 3 rows"):
        split(classes(3, 3), SplitRule(0.9, 0.9, 0))


@pytest.mark.parametrize("dataset", [classes(3, 64), numbers(n=61)])
def test_folds_are_disjoint_complete_and_alike(dataset) -> None:  # type: ignore[no-untyped-def]
    found = [split(dataset, SplitRule(0.2, 0.0, 0, 5, repetition)) for repetition in range(10)]
    test = found[0]["test"]
    for several in (found[:5], found[5:]):
        together = np.concatenate([parts["val"] for parts in several])
        assert np.sort(together).tolist() == np.setdiff1d(np.arange(len(dataset.y)), test).tolist()
        assert np.ptp([len(parts["val"]) for parts in several]) <= 1
    for parts in found:
        assert (parts["test"] == test).all()
        rows = np.concatenate(list(parts.values()))
        assert len(set(rows.tolist())) == len(rows) == len(dataset.y)
        if dataset.task == "classification":  # as of scikit-learn's StratifiedKFold
            counts = np.bincount(dataset.y[np.setdiff1d(np.arange(64), test)])
            assert (abs(np.bincount(dataset.y[parts["val"]], minlength=3) - counts / 5) < 1).all()
    assert found[0]["val"].tolist() != found[5]["val"].tolist(), "every round draws folds of its own"


def test_groups_stay_together() -> None:
    groups = np.random.default_rng(0).permutation(np.repeat(np.arange(20), np.arange(1, 21)))
    dataset = replace(classes(3, len(groups)), groups=groups)
    rules = [SplitRule(0.25, 0.2, seed) for seed in range(20)]
    for rule in [*rules, *(SplitRule(0.25, 0.0, 0, 4, repetition) for repetition in range(8))]:
        parts = split(dataset, rule)
        own = {name: set(groups[rows].tolist()) for name, rows in parts.items()}
        assert not own["train"] & own["val"]
        assert not own["train"] & own["test"]
        assert not own["val"] & own["test"]
        assert sum(map(len, parts.values())) == len(groups)
        assert abs(len(parts["test"]) - 0.25 * len(groups)) <= 10, "half a group at most beside what was asked for"


def test_groups_leave_some_to_train_on() -> None:
    dataset = replace(classes(2, 10), groups=np.array([0] * 9 + [1]))
    for seed in range(10):
        parts = split(dataset, SplitRule(0.5, 0.0, seed))
        assert {len(parts["train"]), len(parts["test"])} == {1, 9}


def test_rows_in_an_order_test_at_their_end() -> None:
    parts = split(replace(classes(2, 20), is_ordered=True), SplitRule(0.25, 0.2, 0))
    assert {name: (rows[0], rows[-1]) for name, rows in parts.items()} == {
        "train": (0, 11), "val": (12, 14), "test": (15, 19),
    }  # fmt: skip


def test_more_folds_than_rows_are_refused() -> None:
    with pytest.raises(UsageError, match="at most the 8 rows"):
        split(classes(2, 10), SplitRule(0.2, 0.0, 0, 9))
    with pytest.raises(UsageError, match="at most the 2 groups"):
        split(replace(classes(2, 10), groups=np.arange(10) % 2), SplitRule(0.0, 0.0, 0, 3))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"folds": 5, "val_fraction": 0.1}, "folds make the validation part"),
        ({"folds": 5, "split_seed": "seed"}, "folds are drawn once"),
    ],
)
def test_contradictions_about_the_parts(fields: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resolved(classes(), **fields)


def test_an_order_leaves_nothing_to_draw() -> None:
    ordered = replace(classes(), is_ordered=True)
    with pytest.raises(UsageError, match="split_seed 3 draws nothing"):
        resolved(ordered, split_seed=3)
    with pytest.raises(UsageError, match="leave folds 5 out"):
        resolved(ordered, folds=5)


def test_folds_follow_the_seed_of_a_trial() -> None:
    dataset = classes(3, 60)
    parts = [prepare(dataset, resolved(dataset, folds=3, seed=seed)).parts for seed in (0, 1, 2)]
    together = np.concatenate([each["val"] for each in parts])
    assert len(set(together.tolist())) == len(together) == 45
    full = [resolved(dataset, folds=7, seed=seed, batch_size="full").batch_size for seed in range(7)]
    assert sorted(set(full)) == [38, 39], "folds of 6 and 7 rows leave batches of another size"  # type: ignore[type-var]


def test_rows_in_two_parts_are_told() -> None:
    dataset = classes(2, 20)
    X, y = np.array(dataset.X), np.array(dataset.y)
    X[15], y[15], X[16], y[16], X[17] = X[0], y[0], X[1], 1 - y[1], X[18]  # another target, or no other part
    ordered = replace(dataset, X=X, y=y, is_ordered=True)
    told = doubts_of(ordered, split(ordered, SplitRule(0.25, 0.0, 0)))
    assert [line[:40] for line in told] == [
        "the test part has 5 rows: its score says",
        "1 of 5 test rows stands in the training ",
    ]


def test_a_test_part_of_one_row_is_told() -> None:
    dataset = classes(2, 40)
    assert doubts_of(dataset, split(dataset, SplitRule(0.02, 0.0, 0))) == [
        "the test part has 1 row: its score says next to nothing"
    ]


def table(tmp_path: Path, rows: list[str], name: str = "train.csv", header: str = "x,who,target") -> Path:
    path = tmp_path / name
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


ROWS = [f"{n}.5,p{n % 7},{'ab'[n % 2]}" for n in range(40)]


def test_the_rows_of_a_second_file_are_the_test_part(tmp_path: Path) -> None:
    first, second = table(tmp_path, ROWS), table(tmp_path, ["100,p1,a", "200,p9,b", ",p1,b"], "test.csv")
    data = {"path": str(first), "test_path": str(second), "missing": "drop"}
    trial = trial_of(make_spec({"dataset": "table", "data": data, "scaling": "none"}))
    parts = trial.data.parts
    assert np.asarray(trial.dataset.X)[parts["test"], 0].tolist() == [100, 200]
    assert [trial.dataset.classes[k] for k in trial.dataset.y[parts["test"]]] == ["a", "b"]
    assert len(parts["train"]) + len(parts["val"]) == 40
    assert trial.data.n_inputs == 8, "p9 is in no row of the training part"
    assert any("2 test rows" in note for note in trial.notes)
    second.write_text(second.read_text().replace("200", "300"))
    clear_cache()
    again = trial_of(make_spec({"dataset": "table", "data": data}))
    assert again.dataset.digest != trial.dataset.digest, "other test rows are other data"


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        (["1,p1"], "x,who", "predict RESULTS --input"),
        (["1,a"], "x,target", "no column 'who'"),
        (["many,p1,a"], "x,who,target", "'many'"),
        ([], "x,who,target", "no rows"),
    ],
)
def test_second_files_that_cannot_test(tmp_path: Path, rows: list[str], header: str, message: str) -> None:
    data = {"path": str(table(tmp_path, ROWS)), "test_path": str(table(tmp_path, rows, "test.csv", header))}
    with pytest.raises(DataError, match=message):
        trial_of(make_spec({"dataset": "table", "data": data}))


def test_arrays_have_a_second_file_too(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 3)), np.arange(30) % 3
    np.savez(tmp_path / "a.npz", X=X[:20], y=y[:20])
    np.savez(tmp_path / "b.npz", X=X[20:], y=y[20:])
    np.savez(tmp_path / "c.npz", X=X[20:, :2], y=y[20:])
    data = {"path": str(tmp_path / "a.npz"), "test_path": str(tmp_path / "b.npz")}
    trial = trial_of(make_spec({"dataset": "table", "data": data}))
    assert trial.data.parts["test"].tolist() == list(range(20, 30))
    assert (trial.dataset.X == X).all()
    with pytest.raises(DataError, match="their examples must have one shape"):
        trial_of(make_spec({"dataset": "table", "data": {**data, "test_path": str(tmp_path / "c.npz")}}))


def test_texts_have_a_second_file_too(tmp_path: Path) -> None:
    first = table(tmp_path, [f"word{n} text\t{'ab'[n % 2]}" for n in range(20)], "a.tsv", "text\tlabel")
    second = table(tmp_path, ["word1 new\ta", "word2 text\tb"], "b.tsv", "text\tlabel")
    trial = trial_of(make_spec({"dataset": "langid", "data": {"path": str(first), "test_path": str(second)}}))
    assert trial.data.parts["test"].tolist() == [20, 21]


def test_a_column_names_the_groups(tmp_path: Path) -> None:
    data = {"path": str(table(tmp_path, ROWS)), "group": "who"}
    trial = trial_of(make_spec({"dataset": "table", "data": data}))
    assert trial.data.n_inputs == 1, "the group is no input"
    who = np.arange(40) % 7
    assert not set(who[trial.data.parts["train"]].tolist()) & set(who[trial.data.parts["test"]].tolist())
    with pytest.raises(DataError, match=r"no column 'whom'.*who"):
        trial_of(make_spec({"dataset": "table", "data": {**data, "group": "whom"}}))
    gap = table(tmp_path, [*ROWS, "1,,a"], "gap.csv")
    with pytest.raises(DataError, match="no value in row 41"):
        trial_of(make_spec({"dataset": "table", "data": {"path": str(gap), "group": "who"}}))

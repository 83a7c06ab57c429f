"""table: any CSV, TSV, Parquet or npz file of the user."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpctl.data.base import Dataset, options_of
from mlpctl.data.table import TABLE
from mlpctl.errors import DataError, UsageError

FLOWERS = "size,colour,rare,kind\n1.5,red,True,rose\n2,blue,False,iris\n3,red,False,rose\n"


def loaded(path: Path, **options: Any) -> Dataset:
    return TABLE.load(options_of(TABLE, {"path": str(path), **options}))


def written(tmp_path: Path, text: str, name: str = "my.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return path


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(DataError) as error:
        loaded(path, **options)
    message = str(error.value)
    assert "\n" not in message
    return message


def saved(tmp_path: Path, **arrays: Any) -> Path:
    path = tmp_path / "my.npz"
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("kind", ["csv", "tsv", "semicolon", "parquet"])
def test_numbers_and_categories(tmp_path: Path, kind: str) -> None:
    separator = {"tsv": "\t", "semicolon": ";"}.get(kind, ",")
    path = written(tmp_path, FLOWERS.replace(",", separator))
    if kind == "parquet":
        frame = pd.read_csv(path)
        path = tmp_path / "my.parquet"
        frame.astype({"colour": "category"}).to_parquet(path)
    data = loaded(path, target="kind")
    assert data.features == ("size", "colour=blue", "colour=red", "rare=False", "rare=True")
    assert np.asarray(data.X).tolist() == [[1.5, 0, 1, 0, 1], [2, 1, 0, 1, 0], [3, 0, 1, 1, 0]]
    assert data.fitted_columns is not None
    assert data.fitted_columns.tolist() == [False, True, True, True, True]
    assert (data.task, data.classes, data.y.tolist()) == ("classification", ("iris", "rose"), [1, 0, 1])
    assert data.y.dtype == np.int32


@pytest.mark.parametrize(
    ("column", "task", "classes"),
    [
        ([0, 1] * 15, "classification", ("0", "1")),
        (list(range(10)) * 3, "classification", tuple(map(str, range(10)))),
        ([1.0, 2.0, 3.0] * 10, "classification", ("1", "2", "3")),
        (list(range(11)) + [0] * 19, "regression", ()),  # fewer than three rows for each
        ([0.5, 1.5] * 15, "regression", ()),
        (["b", "a"] * 15, "classification", ("a", "b")),
        ([True, False] * 15, "classification", ("False", "True")),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "npz"])
def test_the_task_follows_from_the_target(
    tmp_path: Path, column: list[Any], task: str, classes: tuple[str, ...], kind: str
) -> None:
    if kind == "npz":
        data = loaded(saved(tmp_path, X=np.arange(30.0), y=np.array(column)))
    else:
        path = tmp_path / "my.csv"
        pd.DataFrame({"x": np.arange(30.0), "target": column}).to_csv(path, index=False)
        data = loaded(path)
    assert (data.task, data.classes) == (task, classes)
    if task == "classification":
        assert [data.classes[k] for k in data.y] == [str(value).removesuffix(".0") for value in column]
    else:
        assert data.y.tolist() == [[value] for value in column]


def test_the_task_can_be_set(tmp_path: Path) -> None:
    path = written(tmp_path, "x,target,z\n1,0,5\n2,1,6\n")
    assert loaded(path, task="regression").y.dtype == np.float64
    both = loaded(path, target="target,z")
    assert (both.task, both.targets, both.y.tolist()) == ("regression", ("target", "z"), [[0.0, 5.0], [1.0, 6.0]])
    assert loaded(path, target="x", task="classification", drop="z").features == ("target",)


@settings(max_examples=20, deadline=None)
@given(
    values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=20),
    words=st.lists(st.sampled_from(["red", "blue", "ä ö", "a,b", 'q"q']), min_size=20, max_size=20),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, values: list[float], words: list[str]
) -> None:
    path = tmp_path_factory.mktemp("table") / "my.csv"
    frame = pd.DataFrame({"v": values, "w": words[: len(values)], "target": [k + 0.5 for k in range(len(values))]})
    frame.to_csv(path, index=False)
    data = loaded(path)
    # pandas' quick parser may be off in the last bit; a category is a category exactly.
    np.testing.assert_allclose(np.asarray(data.X)[:, 0], values, rtol=1e-15)
    chosen = [data.features[1 + k] for k in np.asarray(data.X)[:, 1:].argmax(axis=1)]
    assert chosen == [f"w={word}" for word in frame["w"]]
    assert (np.asarray(data.X)[:, 1:].sum(axis=1) == 1).all()


def test_numbers_may_be_categories(tmp_path: Path) -> None:
    path = written(tmp_path, "zip,target\n10,1.5\n20,2.5\n10,3.5\n")
    assert loaded(path).features == ("zip",)
    assert loaded(path, categorical="zip").features == ("zip=10", "zip=20")


def test_a_word_among_numbers_is_a_typo_until_the_user_says_otherwise(tmp_path: Path) -> None:
    path = written(tmp_path, "age,target\n10,1.5\n20,2.5\nn/k,3.5\n")
    message = refusal(path)
    assert "column 'age' has 1 cells that are no numbers, the first, 'n/k', in data row 3" in message
    assert "--data categorical=age" in message
    assert loaded(path, categorical="age").features == ("age=10", "age=20", "age=n/k")


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("", {}, "cannot be read as a table"),
        ("x,target\n", {}, "needs rows"),
        ("target\n1\n2\n", {}, "needs rows and at least one input column"),
        ("x,targt\n1,2\n", {}, "has no column 'target': did you mean 'targt'?; name it with --data target=COLUMN"),
        ("x,target\n1,2\n", {"drop": "xx"}, "has no column 'xx': "),
        ("x,target\n1,1.5\n,2.5\n,3.5\n", {}, "column 'x' has 2 empty or NaN cells, the first in data row 2"),
        ("x,target\n1,1.5\nNaN,2.5\n", {}, "column 'x' has 1 empty or NaN cells, the first in data row 2"),
        ("x,target\n1,1.5\n2,-inf\n", {}, "column 'target' has 1 infinite cells, the first in data row 2"),
        ("x,target\n1,a\n2,\n", {}, "column 'target' has 1 empty or NaN cells"),
        ("x,target\n1,a\n2,a\n", {}, "has one value only"),
        ("x,target\n1,a\n2,b\n", {"task": "regression"}, "set task=classification"),
        ("x,y,z\n1,a,1\n2,b,2\n", {"target": "y,z", "task": "classification"}, "a classification has one target"),
        ("x,target\n1,2\n1,2,3\n4,5,6,7\n", {}, "line 3: the first line has 2 columns, this one 3"),
    ],
)
def test_what_is_wrong_is_told_with_column_row_and_count(
    tmp_path: Path, text: str, options: dict[str, str], said: str
) -> None:
    path = written(tmp_path, text)
    message = refusal(path, **options)
    assert said in message
    assert str(path) in message


def test_too_many_categories_are_refused_with_a_way_out(tmp_path: Path) -> None:
    path = written(tmp_path, "name,x,target\n" + "".join(f"n{k},{k},{k}.5\n" for k in range(1001)))
    assert "has 1001 different words, more than 1000: leave it out with --data drop=name" in refusal(path)
    assert loaded(path, drop="name").features == ("x",)


def test_files_that_are_not_there_or_not_what_they_say(tmp_path: Path) -> None:
    assert "no file" in refusal(tmp_path / "none.csv")
    assert "must be a file, got the folder" in refusal(tmp_path)
    assert "cannot be read as a table (parquet)" in refusal(written(tmp_path, "x,target\n1,2\n", "my.parquet"))
    assert "cannot be read as npz" in refusal(written(tmp_path, "x,target\n1,2\n", "my.npz"))
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfa\x00x")
    assert "cannot be read as a table" in refusal(binary)


def test_pictures_in_an_npz_stay_uint8(tmp_path: Path) -> None:
    pictures = np.arange(4 * 2 * 3, dtype=np.uint8).reshape(4, 2, 3)
    data = loaded(saved(tmp_path, X=pictures, y=np.array([0, 1, 0, 1])))
    assert (data.X.dtype, data.X.shape, data.image_shape) == (np.uint8, (4, 6), (2, 3))
    assert np.array_equal(np.asarray(data.X).reshape(4, 2, 3), pictures)


def test_an_npz_may_name_its_target_and_have_several(tmp_path: Path) -> None:
    path = saved(tmp_path, X=np.ones((3, 2), np.float32), speed=np.arange(6.0).reshape(3, 2) / 4)
    data = loaded(path, target="speed")
    assert (data.X.dtype, data.task, data.targets) == (np.float32, "regression", ("speed1", "speed2"))
    assert data.y.tolist() == [[0.0, 0.25], [0.5, 0.75], [1.0, 1.25]]


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"speed": np.ones(3), "y": np.ones(3)}, "has no array 'X'"),
        ({"X": np.ones(3)}, "has no array 'y'"),
        ({"X": np.ones((3, 2)), "y": np.ones(4)}, "need a row per example, got the shapes (3, 2) and (4,)"),
        ({"X": np.ones((0, 2)), "y": np.ones(0)}, "need a row per example"),
        ({"X": np.array(1.0), "y": np.ones(1)}, "need a row per example"),
        ({"X": np.array(["a", "b"]), "y": np.ones(2)}, "X must hold numbers"),
        ({"X": np.ones(2, complex), "y": np.ones(2)}, "X must hold numbers"),
        (
            {"X": np.array([[1, 2], [3, np.nan], [np.inf, 0]]), "y": np.arange(3) / 2},
            "X has 2 NaN or infinite values, the first in row 2, column 2",
        ),
        ({"X": np.ones(2), "y": np.array([1.5, np.nan])}, "column 'y' has 1 empty or NaN cells"),
    ],
)
def test_what_is_wrong_in_an_npz_is_told(tmp_path: Path, arrays: dict[str, Any], said: str) -> None:
    assert said in refusal(saved(tmp_path, **arrays))


def test_nothing_is_ever_unpickled(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "exploded",))

    objects = np.empty(2, object)
    objects[:] = [Bomb(), Bomb()]
    path = saved(tmp_path, X=objects, y=np.ones(2))
    assert "allow_pickle=False" in refusal(path)
    (tmp_path / "raw.npz").write_bytes(pickle.dumps(Bomb()))
    assert "cannot be read as npz" in refusal(tmp_path / "raw.npz")
    assert not (tmp_path / "exploded").exists()


def test_a_truncated_npz_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, X=np.ones((50, 2)), y=np.arange(50) / 2)
    path.write_bytes(path.read_bytes()[:-100])
    assert "cannot be read as npz" in refusal(path)


def test_options_that_an_npz_has_not(tmp_path: Path) -> None:
    path = saved(tmp_path, X=np.ones((3, 2)), y=np.arange(3) / 2)
    with pytest.raises(UsageError, match="leave drop, categorical and group out"):
        loaded(path, drop="X1")
    with pytest.raises(UsageError, match="'path' is required"):
        options_of(TABLE, {})


def test_the_digest_follows_the_content_and_not_the_place(tmp_path: Path) -> None:
    first, moved = (loaded(written(tmp_path, FLOWERS, name), target="kind") for name in ("a.csv", "b.csv"))
    other = loaded(written(tmp_path, FLOWERS.replace("1.5", "1.6"), "c.csv"), target="kind")
    fewer = loaded(tmp_path / "a.csv", target="kind", drop="rare")
    assert first.digest == moved.digest
    assert len({first.digest, other.digest, fewer.digest}) == 3

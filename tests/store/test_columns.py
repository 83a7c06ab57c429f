"""Tables in columns: each operation against pandas, which is what the report computed with before."""

import csv
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlpctl.report.tables import in_order, rows_of
from mlpctl.store.columns import (
    Array,
    Columns,
    codes_of,
    concatenated,
    distinct,
    is_in,
    is_there,
    moments,
    objects,
    of_frame,
    repeated,
    values_of,
)
from mlpctl.store.csv_cells import cells_of
from mlpctl.store.reader import read_trials
from mlpctl.store.results import load
from mlpctl.store.schema import TRIAL_COLUMNS, TRIALS_FILE
from tests.helpers.synthetic import write

REPORT = """
import sys
from pathlib import Path
from mlpctl.report.report import report
for format_ in ("table", "csv", "json", "md"):
    for by in ((), ("lr", "activation")):
        report([Path(sys.argv[1])], by=by, format_=format_)
report([Path(sys.argv[1])], by=("lr", "activation"), plot=Path("-"))
print([name for name in ("pandas", "scipy", "torch", "matplotlib", "sklearn") if name in sys.modules])
"""

SWEEP = """
import sys
from mlpctl.cli import main
sys.argv = "mlpctl sweep --dataset iris --axis lr=0.1,0.01 --epochs 1 --engine kernel -q".split()
try:
    main()
finally:
    print([name for name in ("pandas", "scipy.special", "torch") if name in sys.modules])
"""


def mixed(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Return rows of every kind of column, some cells missing."""
    gone = rng.random(n) < 0.2
    words = rng.choice(np.array(["b", "a", "é", "10", "9"], dtype=object), n)
    units = pd.array(rng.integers(1, 5, n), dtype="Int64")
    units[gone] = pd.NA
    return pd.DataFrame(
        {
            "seed": pd.array(rng.integers(2**62, 2**62 + 3, n), dtype="Int64"),
            "hidden_units": units,
            "lr": np.where(gone[::-1], np.nan, rng.choice([0.1, 0.3, 2.0], n)),
            "model": pd.Series(["mlp"] * n, dtype=object),
            "activation": pd.Series(np.where(gone, np.nan, words), dtype=object),
        }
    )


@pytest.mark.parametrize("n", [0, 1, 2, 50])
def test_a_frame_comes_back_as_it_went(n: int) -> None:
    frame = mixed(np.random.default_rng(n), n)
    pd.testing.assert_frame_equal(of_frame(frame).frame(), frame)
    twice = concatenated([of_frame(frame), of_frame(frame)])
    pd.testing.assert_frame_equal(twice.frame(), pd.concat([frame, frame], ignore_index=True))


def test_rows_and_records() -> None:
    frame = mixed(np.random.default_rng(0), 40)
    table, mask = of_frame(frame), np.arange(40) % 3 == 0
    pd.testing.assert_frame_equal(table.rows(mask).frame(), frame[mask].reset_index(drop=True))
    places = np.array([5, 5, 0, 39])
    pd.testing.assert_frame_equal(table.rows(places).frame(), frame.iloc[places].reset_index(drop=True))
    plain = [{k: None if pd.isna(v) else v for k, v in row.items()} for row in frame.to_dict("records")]
    assert list(table.records()) == plain
    assert rows_of(table.only(["lr"]))[:3] == [{"lr": 2 if row["lr"] == 2.0 else row["lr"]} for row in plain[:3]]
    for name in frame:
        assert is_there(table[str(name)]).tolist() == frame[name].notna().tolist()
        assert distinct(table[str(name)]) == [None if pd.isna(v) else v for v in frame[name].drop_duplicates()]
    assert is_in(table["activation"], ("a", None)).tolist() == (frame["activation"].isin(["a", np.nan])).tolist()


@pytest.mark.parametrize(
    "by", [["activation"], ["hidden_units"], ["lr", "model", "hidden_units", "activation", "seed"]]
)
def test_groups_are_those_of_pandas(by: list[str]) -> None:
    frame = mixed(np.random.default_rng(1), 200)
    codes, firsts = codes_of(*(of_frame(frame)[name] for name in by))
    assert codes.tolist() == frame.groupby(by, dropna=False, sort=False).ngroup().tolist()
    assert firsts.tolist() == frame.drop_duplicates(by).index.tolist()


def test_moments_are_those_of_pandas() -> None:
    rng = np.random.default_rng(2)
    for trial in range(200):
        n, groups = rng.integers(1, 120), rng.integers(1, 12)
        values = (rng.random(n) * 10.0 ** rng.integers(-3, 5)).round(rng.integers(2, 17))
        values[rng.random(n) < (0, 0.3, 0.9)[trial % 3]] = np.nan
        keys = rng.integers(0, groups, n)
        keys = np.sort(keys) if trial % 2 else keys
        expected = (
            pd.DataFrame({"x": values, "key": keys}).groupby("key", sort=False)["x"].agg(["count", "mean", "std"])
        )
        codes, firsts = codes_of(keys)
        found = np.stack(moments(values, codes, len(firsts)), axis=1)
        np.testing.assert_allclose(found, expected.to_numpy(), rtol=1e-12)


def test_an_infinite_score_leaves_the_other_groups_alone() -> None:
    values, codes = np.array([1.0, np.inf, 3.0, 2.0, 4.0, np.inf]), np.array([0, 1, 0, 1, 0, 1])
    with np.errstate(invalid="ignore"):
        n, mean, _ = moments(values, codes, 2)
    assert (n.tolist(), mean.tolist()) == ([3, 3], [8 / 3, np.inf])


def test_numbers_come_before_words_and_what_is_missing_last() -> None:
    table = Columns({"x": objects(["b", None, "10", "9", "a", "9"]), "y": np.arange(6)}, 6)
    assert values_of(in_order(table, ["x"])["y"]) == [3, 5, 2, 4, 0, 1]
    assert values_of(in_order(table, ["x", "y"])["x"]) == ["9", "9", "10", "a", "b", None]


def test_a_column_is_made_when_it_is_asked_for_and_once() -> None:
    made: list[str] = []

    def make() -> Array:
        made.append("x")
        return np.arange(3)

    table = Columns({"x": make, "y": repeated(None, 3)}, 3)
    some = table.rows(np.array([2, 0])).only(["y", "x"]).plus({"z": repeated(1, 2)})
    assert made == []
    assert (some["x"].tolist(), some["x"].tolist(), some["z"].tolist()) == ([2, 0], [2, 0], [1, 1])
    assert made == ["x"]


CELLS = {
    "plain": [["a", "b", "c"], ["1", "", "x"], ["22", "", "x"]],
    "quotes": [["a", "b", "c"], ['{"x":"1,2"}', "8,8", ""], ['say ""', "", '"'], ["two\nlines", ",", "é"]],
    "one column": [["a"], ["1"], ["2"]],
    "no row": [["a", "b"]],
}


@pytest.mark.parametrize("rows", CELLS.values(), ids=CELLS.keys())
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_cells_are_those_of_the_csv_module(rows: list[list[str]], end: str) -> None:
    stream = io.StringIO()
    csv.writer(stream, lineterminator=end).writerows(rows)
    cells = cells_of(rows[0], b"\xef\xbb\xbf" + stream.getvalue().encode())
    assert len(cells) == len(rows) - 1
    for at, name in enumerate(rows[0]):
        column = [row[at] for row in rows[1:]]
        assert cells.column(name) == column
        assert cells.only(name) == (column[0] if len(set(column)) == 1 else None)


def test_empty_lines_are_no_rows_and_short_rows_end_in_empty_cells() -> None:
    cells = cells_of(["a", "b", "c"], b"a,b,c\n\n1,2,3\n4\n\n5,\n")
    assert [cells.column(name) for name in "abc"] == [["1", "4", "5"], ["2", "", ""], ["3", "", ""]]
    with pytest.raises(ValueError, match="line 3 has 4 cells, a row has 2"):
        cells_of(["a", "b"], b"a,b\n1,2\n1,2,3,4\n")
    with pytest.raises(ValueError, match="a quote is not closed"):
        cells_of(["a", "b"], b'a,b\n1,"2\n')


def test_trials_are_typed_as_pandas_reads_them(tmp_path: Path) -> None:
    seeds = (0, 2**63 - 1, None)
    rows = [
        {"lr": lr, "init_seed": seed, "widths": "8,8", "val_accuracy": lr / 3} for lr in (0.1, 1e-3) for seed in seeds
    ]
    path = write(tmp_path / "r", rows, epochs=False) / TRIALS_FILE
    read = read_trials(path).frame()
    expected = pd.read_csv(path, dtype=str, keep_default_na=False)
    kinds = {"text": "object", "int": "Int64", "float": "float64"}
    assert read.dtypes.astype(str).to_dict() == {name: kinds[kind] for name, kind in TRIAL_COLUMNS.items()}
    assert read["init_seed"].tolist() == [*seeds[:2], pd.NA] * 2  # a float would have lost the last digits
    for name in map(str, expected):
        there = expected[name] != ""
        assert read[name].notna().tolist() == there.tolist()
        as_text = [str(value) for value in read[name][there]]
        as_given = [str(float(v)) if TRIAL_COLUMNS[name] == "float" else v for v in expected[name][there]]
        assert as_text == as_given


def test_epochs_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    folder = write(tmp_path / "r", [{"lr": 0.1, "val_accuracy": 0.5}, {"lr": 0.2, "val_accuracy": 0.6}])
    results = load(folder)
    assert results.epochs["epoch"].tolist() == [1, 2, 1, 2]
    (folder / "epochs.csv").write_text("something else\n")
    assert len(load(folder).rows) == 2
    with pytest.raises(Exception, match="not a file of mlpctl"):
        load(folder).epochs  # noqa: B018


def ran(code: str, *arguments: str, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=cwd, capture_output=True, text=True, check=False,
        env={**os.environ, "COLUMNS": "100"}, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_a_report_of_one_seed_imports_neither_pandas_nor_scipy(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"lr": lr, "activation": name, "val_accuracy": 0.5 + lr, "test_accuracy": 0.5, "config": f"{lr}{name}"}
        for lr in (0.1, 0.2) for name in ("relu", "tanh")
    ]  # fmt: skip
    rows.append({"lr": 9.0, "activation": "relu", "status": "diverged", "error": "not finite", "config": "bad"})
    experiment = {"spec": {"dataset": "iris"}, "axes": {"lr": [0.1, 0.2, 9.0], "activation": ["relu", "tanh"]}}
    write(tmp_path / "r", rows, experiment=experiment)
    assert ran(REPORT, "r", cwd=tmp_path) == "[]"


def test_a_sweep_of_one_seed_imports_neither_pandas_nor_scipy(tmp_path: Path) -> None:
    ran(SWEEP, cwd=tmp_path)  # compiles, where nobody has yet
    (tmp_path / "results").rename(tmp_path / "first")
    assert ran(SWEEP, cwd=tmp_path) == "[]"

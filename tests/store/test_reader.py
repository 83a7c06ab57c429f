"""The reader: typed, checked, the last row of each trial; torn, foreign, older and damaged files."""

import csv
import io
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlpctl.errors import DataError
from mlpctl.store import reader
from mlpctl.store.columns import values_of
from mlpctl.store.results import load
from mlpctl.store.schema import CHECKSUM, EPOCHS_FILE, TRIAL_COLUMNS, TRIALS_FILE
from tests.helpers.damage import set_cell
from tests.helpers.synthetic import write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two trials with two epochs each."""
    rows = [{"lr": 0.1, "val_accuracy": 0.5}, {"lr": 0.2, "val_accuracy": 0.6, "init_seed": 2**63 - 1}]
    return write(tmp_path / "r", rows)


def change(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


def test_cells_are_typed_as_the_csv_module_reads_them(tmp_path: Path) -> None:
    seeds = (0, 2**63 - 1, None)
    rows = [
        {"lr": lr, "init_seed": seed, "widths": "8,8", "val_accuracy": lr / 3, "error": 'say "é",'}
        for lr in (0.1, 1e-3, 5e-324)
        for seed in seeds
    ]
    folder = write(tmp_path / "r", rows, epochs=False)
    expected = csv.DictReader(io.StringIO((folder / TRIALS_FILE).read_text("utf-8")))
    kinds: dict[str, Any] = {"text": str, "int": int, "float": float}
    for row, texts in zip(reader.trials(folder).records(), expected, strict=True):
        del texts[CHECKSUM]
        assert row == {name: kinds[TRIAL_COLUMNS[name]](text) if text else None for name, text in texts.items()}
    assert [row["init_seed"] for row in reader.trials(folder, ["init_seed"]).records()] == [*seeds] * 3


def test_data_frames_have_the_types_of_the_schema(folder: Path) -> None:
    results = load(folder)
    kinds = {"text": "str", "int": "Int64", "float": "float64"}
    assert results.trials.dtypes.astype(str).to_dict() == {
        **{name: kinds[kind] for name, kind in TRIAL_COLUMNS.items()}, "folder": "str",
        "dropout": "float64",  # one number, where no row has one for each layer
    }  # fmt: skip
    assert results.trials["init_seed"].tolist() == [pd.NA, 2**63 - 1]
    assert results.epochs["epoch"].tolist() == [1, 2, 1, 2]


def test_spreadsheets_and_empty_lines_change_nothing(folder: Path) -> None:
    before = list(reader.trials(folder).records())
    for file in (TRIALS_FILE, EPOCHS_FILE):
        content = (folder / file).read_bytes()
        (folder / file).write_bytes(b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n") + b"\r\n")
    assert list(reader.trials(folder).records()) == before
    assert len(reader.epochs(folder)) == 4


def test_of_a_trial_or_an_epoch_that_was_run_twice_the_last_row_counts(folder: Path) -> None:
    for file in (TRIALS_FILE, EPOCHS_FILE):
        lines = (folder / file).read_bytes().splitlines(keepends=True)
        (folder / file).write_bytes(b"".join([*lines, lines[1].replace(b"0.5", b"0.75")]))
    row, epochs = reader.trial(folder, "k0")
    assert row["val_accuracy"] == 0.75
    assert sorted((epoch["epoch"], epoch["val_accuracy"]) for epoch in epochs) == [(1, 0.75), (2, 0.5)]
    assert reader.keys(folder) == {"k0": "ok", "k1": "ok"}
    assert [row["val_accuracy"] for row in reader.scores(folder)] == [0.6, 0.75]


def test_a_torn_last_row_is_left_out_and_new_rows_are_read_from_a_byte_on(folder: Path) -> None:
    path = folder / TRIALS_FILE
    first, end = reader.rows_from(path, 0)
    row = path.read_bytes().splitlines()[2].replace(b"k1", b"k2")
    with path.open("ab") as stream:
        stream.write(row + b"\n" + row[:20])
    assert list(reader.keys(folder)) == ["k0", "k1", "k2"]
    new, end_after = reader.rows_from(path, end)
    assert [row["key"] for row in (*first, *new)] == ["k0", "k1", "k2"]
    assert end_after == end + len(row) + 1
    assert reader.rows_from(path, end_after)[0] == []


def test_numbers_that_are_not_finite(folder: Path) -> None:
    change(folder / TRIALS_FILE, b"0.5", b"nan")
    change(folder / TRIALS_FILE, b"0.6", b"-inf")
    table = reader.trials(folder)
    assert values_of(table["val_accuracy"]) == [None, -math.inf]


def test_columns_that_an_older_version_did_not_have_say_what_was_meant(folder: Path) -> None:
    table = pd.read_csv(folder / TRIALS_FILE, dtype=str, keep_default_na=False)
    table.drop(columns=["bias", "dtype", "split_seed", "momentum"]).to_csv(folder / TRIALS_FILE, index=False)
    read = reader.trials(folder)
    assert read.names == tuple(TRIAL_COLUMNS)
    assert read["bias"].tolist() == ["true", "true"]
    assert (read["dtype"].tolist(), read["split_seed"].tolist()) == (["float32", "float32"], [0, 0])
    assert values_of(read["momentum"]) == [None, None]


def test_no_file_and_empty_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no results in .*: trials.csv is missing; `mlpctl sweep` or `train` writes"):
        reader.trials(tmp_path)
    assert (reader.keys(tmp_path), list(reader.scores(tmp_path)), len(reader.epochs(tmp_path))) == ({}, [], 0)
    (tmp_path / TRIALS_FILE).touch()
    table = reader.trials(tmp_path)
    assert (len(table), table.names) == (0, tuple(TRIAL_COLUMNS))
    whole = write(tmp_path / "r", [{}])
    both = load(tmp_path, whole)  # a shard that got no trials beside one that did
    assert len(both.rows) == len(both.trials) == 1
    assert both.trials["seed"].tolist() == [0]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"relu,", b"", "line 2: a row has [0-9]+ cells, this one [0-9]+"),
        (b",0.5,", b",high,", "line 2: val_accuracy must be a number, got 'high'"),
        (b"ok,", b'"ok,', "line 2: the row cannot be read"),
        (b"ok,", b"o\xffk,", "line 2: the row cannot be read: .*utf-8"),
        (b"classification", b"guessing", "line 2: task must be one of classification, regression, .*got 'guessing'"),
        (b"9223372036854775807", b"9223372036854775808", "init_seed must be a whole number"),
    ],
)
def test_what_is_damaged_is_named_with_its_place(folder: Path, old: bytes, new: bytes, message: str) -> None:
    change(folder / TRIALS_FILE, old, new)
    with pytest.raises(DataError, match=f"{TRIALS_FILE}.*{message}.*; `mlpctl results repair {folder}` mends it"):
        reader.trials(folder)


@pytest.mark.parametrize("options", ["{", "[1]", "7", "[" * 100_000])
def test_options_of_a_dataset_that_are_none_are_named(folder: Path, options: str) -> None:
    set_cell(folder, 2, "data", options)
    with pytest.raises(DataError, match="line 3: data must be a JSON object, got"):
        reader.trials(folder)


def test_files_of_something_else_and_of_a_newer_version(folder: Path) -> None:
    keys = reader.trials(folder)["key"].tolist()
    set_cell(folder, 1, "schema_version", "99")
    assert reader.trials(folder)["key"].tolist() == keys[1:]  # a row of a newer version does not count
    (folder / EPOCHS_FILE).write_text("something else\n")
    with pytest.raises(DataError, match="not a file of mlpctl"):
        reader.epochs(folder)


def test_epochs_are_read_when_they_are_asked_for(folder: Path) -> None:
    (folder / EPOCHS_FILE).write_text("something else\n")
    results = load(folder)
    assert len(results.rows) == 2
    with pytest.raises(DataError, match="not a file of mlpctl"):
        results.epochs  # noqa: B018

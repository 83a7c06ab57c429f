"""Tables as people post them: each is understood as it is meant, or refused with what to do."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlpctl.data.base import Dataset, options_of
from mlpctl.data.prepare import prepare_new, scaled
from mlpctl.data.table import TABLE
from mlpctl.errors import DataError
from mlpctl.models.resolution import resolve
from mlpctl.spec import Spec
from tests.data.make_files import FOLDER, KINDS, ROWS, TEXT_FILES, typed_files

N = np.arange(ROWS)
FEB, JAN = 19754, 19723
"""Days from 1970 to 2024-02-01 and 2024-01-01."""

NUMBERS: dict[str, Any] = {
    "plain.csv": 1000 + 7.25 * N,
    "decimal_comma.csv": N + 0.5,
    "german.csv": 1000 + 1.25 * N,
    "thousands.csv": 1000.5 + 1000 * N,
    "blank_thousands.csv": 1000 * (1 + N) + 234.5,
    "apostrophe.csv": 1000 * (1 + N) + 234.5,
    "dollars.csv": 1000.5 + 1000 * N,
    "euros.csv": 1000 + N,
    "percent.csv": N / 2,
    "units.csv": N / 2,
    "units_without_blank.csv": N,
    "exponents.csv": np.array([float(f"{n}e-3") for n in range(ROWS)]),
    "signs.csv": np.where(N % 2, N, -N),
    "huge_integers.csv": np.array([float(2**70 + n * 2**60) for n in range(ROWS)]),
    "blanks_around.csv": N,
    "iso_dates.csv": JAN + N,
    "iso_times.csv": JAN + (N + 0.5) / 24,
    "dots.csv": FEB + N,
    "slashes_day_first.csv": FEB + N,
    "slashes_month_first.csv": FEB + N,
    "constant.csv": np.full(ROWS, 0.1),
    "tabs.tsv": 1000 + 7.25 * N,
    "semicolons.csv": 1000 + 7.25 * N,
    "sep_line.csv": 1000 + 7.25 * N,
    "bom.csv": 1000 + 7.25 * N,
    "utf16.csv": 1000 + 7.25 * N,
    "crlf.csv": 1000 + 7.25 * N,
    "no_last_newline.csv": 1000 + 7.25 * N,
    "pipes.csv": 1000 + 7.25 * N,
    "blanks_between.data": 1000 + 7.25 * N,
    "about_lines.csv": 1000 + 7.25 * N,
    "plain.csv.gz": 1000 + 7.25 * N,
    "plain.csv.bz2": 1000 + 7.25 * N,
    "plain.csv.xz": 1000 + 7.25 * N,
    "plain.csv.zip": 1000 + 7.25 * N,
    "plain.parquet": N,
    "plain.feather": N,
    "plain.dta": N,
    "plain.xlsx": N,
    "plain.json": N,
    "plain.jsonl": N,
    "plain.arff": N,
    "decimals.parquet": N / 4,
    "timestamps.parquet": JAN + N,
    "days.parquet": JAN + N,
}
"""File -> its second column, a number."""

CATEGORIES = {
    "words.csv": ("blue", "red"),
    "booleans.csv": ("False", "True"),
    "codes.csv": ("01230", "01231", "01232", "01233"),
    "na_is_a_word.csv": ("DE", "NA", "None"),
    "names_with_equals.csv": ("x=1", "y"),
    "a_word_per_row.csv": tuple(f"person {letter}" for letter in "abcdefghijklmnopqrstuvwx"),
    "ages.csv": ("0-9", "10-19", "20-29"),
    "quotes.csv": ("a,b", 'say "no"', "two\nlines"),
    "booleans.parquet": ("False", "True"),
    "categories.parquet": ("blue", "red"),
}
"""File -> the words of its second column."""

TARGETS = {
    "target_floats.csv": ("classification", 3),
    "target_whole.csv": ("classification", 3),
    "target_booleans.csv": ("classification", 2),
    "target_prices.csv": ("regression", 0),
    "target_german.csv": ("regression", 0),
    "target_dollars.csv": ("regression", 0),
    "six_houses.csv": ("regression", 0),
    "numbers.npz": ("classification", 2),
    "images.npz": ("classification", 47),
    "prices.npz": ("regression", 0),
    "data_target.npz": ("classification", 2),
    "train_test.npz": ("classification", 2),
    "plain.libsvm": ("classification", 3),
}
"""File -> (task, classes)."""

REFUSED = {
    "ambiguous_comma.csv": "set --data decimal=, or --data thousands=,",
    "mixed_units.csv": "different units, '0 g' and '1 kg'",
    "typo.csv": "'n/k', in data row 24",
    "infinite.csv": "1 infinite cells, the first in data row 24",
    "slashes_ambiguous.csv": "may be day or month first",
    "empty_number.csv": "1 empty or NaN cells, the first in data row 24",
    "na_number.csv": "1 empty or NaN cells, the first in data row 24",
    "question_mark.csv": "1 empty or NaN cells, the first in data row 24",
    "empty_word.csv": "1 empty or NaN cells, the first in data row 24",
    "longer_row.csv": "line 4: the first line has 3 columns, this one 4",
    "shorter_row.csv": "line 4: the first line has 3 columns, this one 2",
    "all_rows_longer.csv": "line 2: the first line has 3 columns, this one 4",
    "doubled_name.csv": "such as 'x'",
    "only_a_target.csv": "at least one input column",
    "only_a_header.csv": "needs rows",
    "empty.csv": "it is empty",
    "no_target.csv": "has no column 'target'",
    "latin1.csv": "cannot be read as a table",
    "target_one_value.csv": "has one value only",
    "target_empty.csv": "1 empty or NaN cells, the first in data row 24",
    "nulls.parquet": "1 empty or NaN cells, the first in data row 1",
    "binary.parquet": "has bytes or lists",
    "lists.parquet": "has bytes or lists",
    "nested.jsonl": "has bytes or lists",
    "two_files.zip": "must have one file, has 2",
    "cut.csv.gz": "cannot be read as gz",
    "two_sheets.xlsx": "2 sheets (flowers, more): set --data sheet=NAME",
    "text.arff": "write it as CSV",
    "gaps.arff": "1 empty or NaN cells, the first in data row 1",
    "a_pickle.pkl": "write it as CSV or Parquet",
    "no_header.csv": "has no column 'target'",
    "inputs.npy": "name the file of the target too",
    "targets.npy": "name the file of the target too",
    "comments.csv": "line 4: the first line has 3 columns, this one 1",
}
"""File -> what its refusal says."""

SUSPECTED = {
    "unnamed.csv": "has no name",
    "pandas_index.csv": "has no name",
    "row_numbers.csv": "column 'id' counts the rows",
    "constant.csv": "column 'a' has one value only",
    "a_word_per_row.csv": "column 'name' has another word in each row",
}
"""File -> what is said of a column that looks wrong."""

OTHERS = {"one_hot.csv", "many_labels.csv", "two_targets.csv", "minus_999.csv", "marked_header.csv"}
"""Files with a test of their own."""


def loaded(name: str, **options: Any) -> Dataset:
    return TABLE.load(options_of(TABLE, {"path": str(FOLDER / name), **options}))


def test_the_files_are_what_the_script_writes() -> None:
    assert {path.name: path.read_bytes() for path in FOLDER.iterdir() if path.name in TEXT_FILES} == TEXT_FILES
    assert {path.name for path in FOLDER.iterdir()} == TEXT_FILES.keys() | typed_files().keys()


def test_something_is_said_of_every_file() -> None:
    known = [*NUMBERS, *CATEGORIES, *TARGETS, *REFUSED, *SUSPECTED, *OTHERS]
    assert {path.name for path in FOLDER.iterdir()} == set(known)
    assert len(set(known)) >= 60


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_is_a_number_however_it_is_written(name: str) -> None:
    data = loaded(name)
    np.testing.assert_array_equal(np.asarray(data.X), np.stack([N / 2, NUMBERS[name]], axis=1))
    assert (data.task, data.classes) == ("classification", ("iris", "lily", "rose"))
    assert [data.classes[k] for k in data.y] == KINDS
    assert data.notes[0].startswith(f"{name}: {ROWS} rows; 2 numbers; target target: classification, 3 classes")


@pytest.mark.parametrize("name", CATEGORIES)
def test_words_are_inputs_of_0_and_1(name: str) -> None:
    data, words = loaded(name), CATEGORIES[name]
    assert data.features[1:] == tuple(f"{data.columns[1].name}={word}" for word in words)
    assert (np.asarray(data.X)[:, 1:].sum(axis=1) == 1).all()


@pytest.mark.parametrize("name", TARGETS)
def test_the_task_follows_from_the_target(name: str) -> None:
    data = loaded(name)
    assert (data.task, len(data.classes)) == TARGETS[name]
    assert data.task in " ".join(data.notes)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_understood_is_refused(name: str) -> None:
    with pytest.raises(DataError) as refusal:
        loaded(name)
    assert name in str(refusal.value)
    assert REFUSED[name] in str(refusal.value)


@pytest.mark.parametrize("name", SUSPECTED)
def test_what_looks_wrong_is_told(name: str) -> None:
    assert SUSPECTED[name] in " ".join(loaded(name).notes)


def test_targets_of_several_columns() -> None:
    hot = loaded("one_hot.csv", target="a,b,c")
    assert (hot.task, hot.classes, hot.y.tolist()) == ("classification", ("a", "b", "c"), (N % 3).tolist())
    assert loaded("two_targets.csv", target="a,b").y.shape == (ROWS, 2)
    with pytest.raises(DataError, match="rows with none or several of them"):
        loaded("many_labels.csv", target="a,b")
    assert loaded("many_labels.csv", target="a,b", task="regression").y.shape == (ROWS, 2)


def test_options_say_what_a_file_does_not() -> None:
    assert np.asarray(loaded("ambiguous_comma.csv", decimal=",").X)[0, 1] == 1.234
    assert np.asarray(loaded("ambiguous_comma.csv", thousands=",").X)[0, 1] == 1234
    assert loaded("latin1.csv", encoding="latin-1").features == ("x", "ä")
    assert loaded("marked_header.csv").features == ("#x", "a")
    assert loaded("comments.csv", comment="%").X.shape == (ROWS, 2)
    assert loaded("two_sheets.xlsx", sheet="more").features == ("x", "a")
    assert loaded("no_header.csv", header="none", target="3").features == ("1", "2")
    assert loaded("inputs.npy", target="targets.npy").classes == ("0", "1")
    np.testing.assert_array_equal(loaded("train_test.npz").test_index, np.arange(ROWS, ROWS + 6))
    assert loaded("plain.csv", categorical="a").features[1] == "a=1000.00"
    assert loaded("target_whole.csv", task="regression").task == "regression"


@pytest.mark.parametrize("name", [*NUMBERS, *CATEGORIES])
def test_new_examples_are_read_as_in_training(name: str) -> None:
    """Asked about the file that it was trained on, a network gets the inputs of training, to the last bit."""
    data = loaded(name)
    assert data.read_new is not None
    X, _ = data.read_new(FOLDER / name, None)
    np.testing.assert_array_equal(X, np.asarray(data.X))


def test_a_word_that_training_did_not_have_is_zeros_and_a_note(tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text("x,colour\n1,green\n2,red\n")
    data = loaded("words.csv")
    assert data.read_new is not None
    X, notes = data.read_new(path, None)
    assert X.tolist() == [[1, 0, 0], [2, 0, 1]]
    assert len(notes) == 1
    assert "green" in notes[0]


MISSING = ("empty_number.csv", "na_number.csv", "question_mark.csv", "minus_999.csv")
"""Files whose last number is missing."""


def filled(name: str, **options: Any) -> np.ndarray[Any, Any]:
    """Return the second input of a file as a network gets it, all rows but the last in the training part."""
    return np.asarray(scaled(loaded(name, **options), "none", "float64", np.arange(ROWS - 1))[0])[:, 1]


@pytest.mark.parametrize("name", MISSING)
def test_missing_numbers_are_filled_from_the_training_part(name: str) -> None:
    there = np.asarray(loaded("plain.csv").X)[:-1, 1] if name == "minus_999.csv" else N[:-1] / 2
    na = {"na": "-999"} if name == "minus_999.csv" else {}
    assert filled(name, missing="mean", **na)[-1] == there.mean()
    assert filled(name, missing="median", **na)[-1] == np.median(there)
    assert filled(name, missing="most_frequent", **na)[-1] == there[0]
    np.testing.assert_array_equal(filled(name, missing="mean", **na)[:-1], there)
    assert len(loaded(name, missing="drop", **na).X) == ROWS - 1
    assert "1 of 24 rows have missing values: left out" in " ".join(loaded(name, missing="drop", **na).notes)


def test_a_missing_word_is_the_most_frequent_one() -> None:
    X, _, _ = scaled(loaded("empty_word.csv", missing="mean"), "none", "float64", np.arange(3, ROWS - 1))
    assert np.asarray(X)[-1, 1:].tolist() == [1, 0, 0]  # iris, of which there are as many as roses
    assert len(loaded("target_empty.csv", missing="drop").X) == ROWS - 1


def test_a_column_without_a_value_to_fill_it_with_is_refused() -> None:
    with pytest.raises(DataError, match="column 'a' has no value in the training part"):
        scaled(loaded("empty_number.csv", missing="mean"), "none", "float64", np.array([ROWS - 1]))


def test_new_examples_are_filled_as_in_training(tmp_path: Path) -> None:
    data = loaded("empty_number.csv", missing="median")
    spec = resolve(Spec(dataset="table", data={"path": "x"}), data)
    path = tmp_path / "new.csv"
    path.write_text("x,a\n1,\n2,?\n")
    assert data.read_new is not None
    prepared, rows = prepare_new(data, spec, data.read_new(path, None)[0])
    own = np.asarray(prepared.X)
    assert np.isfinite(own).all()
    assert own[rows[0], 1] == own[rows[1], 1] == own[ROWS - 1, 1]


def test_new_examples_without_a_header_or_with_zeros_left_out(tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("1,2\n3,4\n")
    (tmp_path / "new.libsvm").write_text("0 2:5\n0 1:3\n")
    plain, sparse = loaded("no_header.csv", header="none", target="3"), loaded("plain.libsvm")
    assert plain.read_new is not None
    assert sparse.read_new is not None
    assert plain.read_new(tmp_path / "new.csv", None)[0].tolist() == [[1, 2], [3, 4]]
    assert sparse.read_new(tmp_path / "new.libsvm", None)[0].tolist() == [[0, 5], [3, 0]]

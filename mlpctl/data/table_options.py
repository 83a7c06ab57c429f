"""Define the options of table, and the hash of what they decide."""

from pathlib import Path
from typing import Annotated, Any, Literal

from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from mlpctl.data.base import IS_PATH, Options, digest_of
from mlpctl.data.columns import Reading
from mlpctl.data.files import sha256_of
from mlpctl.data.table_files import FileForm
from mlpctl.data.table_target import AskedTask
from mlpctl.spec import split_list


class TableOptions(Options):
    """Options of table."""

    path: Path = Field(
        description="Table: CSV, TSV, Parquet, Feather, Stata, JSON, JSON lines, ARFF, libsvm, Excel, npz or npy; also "
        "as .gz, .bz2, .xz or .zip.",
        json_schema_extra={**IS_PATH},
    )
    target: Annotated[tuple[str, ...], BeforeValidator(split_list)] = Field(
        ("target",),
        description="Column to predict; several, a,b, for regression. In an npz the array, y by default; beside an npy "
        "of inputs another npy file.",
    )
    task: AskedTask = Field(
        "auto", description="auto: words, or up to 20 distinct whole numbers of several rows each, are classes."
    )
    separator: str | None = Field(
        None, min_length=1, max_length=1, description="Between the columns of a CSV; found out by default."
    )
    header: Literal["first", "none"] = Field(
        "first", description="first: the first line of a CSV names the columns. none: they are called 1, 2, and so on."
    )
    comment: str = Field("", description="Beginning of lines of a CSV that are no data, such as #.")
    sheet: str = Field("", description="Sheet of an Excel file that has several.")
    na: Annotated[tuple[str, ...], BeforeValidator(split_list)] = Field(
        (), description="Words or numbers for a missing value besides an empty cell, -999,unknown."
    )
    missing: Literal["error", "drop", "mean", "median", "most_frequent"] = Field(
        "error",
        description="What becomes of missing values: an error, the row is dropped, or they are filled with what the "
        "training part has in that column (a category with its most frequent word).",
    )
    categorical: Annotated[tuple[str, ...], BeforeValidator(split_list)] = Field(
        (), description="Columns of numbers that are names of categories, a,b."
    )
    drop: Annotated[tuple[str, ...], BeforeValidator(split_list)] = Field((), description="Columns to leave out, a,b.")
    decimal: Literal["", ".", ","] = Field("", description="Decimal sign of the numbers; found out by default.")
    thousands: Literal["", ".", ",", " ", "'"] = Field(
        "", description="Thousands separator of the numbers; found out by default."
    )
    encoding: str = Field("", description="Encoding of a CSV, such as latin-1; UTF-8 or UTF-16 by default.")
    test_path: Path | None = Field(
        None,
        description="Second table with the rows of the test part, written as the first.",
        json_schema_extra={**IS_PATH},
    )
    split: Literal["random", "ordered"] = Field(
        "random",
        description="random: rows are drawn. ordered: the last rows test, those before them validate, as for rows in "
        "the order of time.",
    )
    group: str = Field(
        "", description="Column of a person or a place: rows with one value stay in one part. It is no input."
    )

    @property
    def reading(self) -> Reading:
        """Return the options about numbers and categories."""
        return Reading(self.decimal, self.thousands, self.categorical)

    @property
    def form(self) -> FileForm:
        """Return the options about how the file is written."""
        return FileForm(self.separator or "", self.encoding, self.header, self.comment, self.sheet, self.na)

    @property
    def left_out(self) -> frozenset[str]:
        """Return the columns that are no inputs."""
        return frozenset((*self.target, *self.drop, *([self.group] if self.group else [])))

    @property
    def impute(self) -> Literal["", "mean", "median", "most_frequent"]:
        """Return the statistic that fills missing values; "" for none."""
        match self.missing:
            case "error" | "drop":
                return ""
            case statistic:
                return statistic


LATER = (
    "decimal", "thousands", "encoding", "header", "comment", "sheet", "na", "missing", "split", "group",
)  # fmt: skip
"""Options that older datasets do not have: they count where they are given."""


def table_digest(path: Path, options: TableOptions, version: int, beside: NDArray[Any] | None = None) -> str:
    """Return the hash of what decides the arrays; version 1 where the file reads as it did before there was another.

    Args:
        path: file.
        options: of the dataset.
        version: of the rules that read it.
        beside: target that is in another file.
    """
    fields = type(options).model_fields
    left_out = {"path", "separator", "test_path"}
    left_out |= {name for name in LATER if getattr(options, name) == fields[name].default}
    others: list[Any] = [] if beside is None else [beside]
    others += [] if options.test_path is None else [sha256_of(options.test_path.expanduser())]
    return digest_of(f"table {version}", sha256_of(path), options.model_dump_json(exclude=left_out), *others)

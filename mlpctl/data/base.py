"""Define a dataset: a Source (name, options, loader) yields a Dataset (arrays and their meaning)."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from mlpctl.data.files import Published
from mlpctl.errors import UsageError
from mlpctl.spec import explain, round12

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import scipy.sparse

    from mlpctl.data.columns import Column

Task = Literal["classification", "regression"]
Impute = Literal["", "mean", "median", "most_frequent"]

IS_PATH = {"path": True}
"""Mark of an option that is the place of a dataset: `Field(json_schema_extra=PATH)`."""


class Options(BaseModel):
    """Base of a dataset's options: flat, typed, each field with a description."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*", mode="after")
    @classmethod
    def _rounded(cls, value: Any) -> Any:
        return round12(value) if isinstance(value, float) else value  # near-equal options are one dataset, as in Spec


@dataclass(frozen=True, eq=False)
class Beside:
    """Target and other columns beside the inputs of a file of new examples.

    Attributes:
        y: target, classes (B,) or numbers (B, M) as in `Dataset.y`; None where the file does not have it.
        columns: other columns, cells by name: an id, a date.
        notes: why there is no target though the file has its column, and how many rows were left out.
        rows: places in the file (B,), from 0, of the rows that were kept; None where none was left out.
    """

    y: "np.ndarray[Any, Any] | None" = None
    columns: "Mapping[str, Sequence[str] | np.ndarray[Any, Any]]" = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    rows: "np.ndarray[Any, Any] | None" = None


@dataclass(frozen=True, eq=False)
class Dataset:
    """Loaded dataset. Nothing in it depends on a split or a seed of training.

    Attributes:
        name: as registered.
        X: inputs (N, D): uint8, float32, float64, or a CSR matrix.
        y: classes (N,) int32, or targets (N, M) float64.
        task: classification or regression.
        digest: hash of everything that decides X and y; part of a trial's key.
        source: origin of the data, for people.
        features: D names, or () if the inputs are pixels.
        classes: names of the K classes; () for regression.
        targets: names of the M targets; () for classification.
        label_values: numbers that stand for class 0 and 1 where a loss needs numbers.
        test_index: rows (int64) of the official test set; None if a part is to be held out.
        fitted_columns: columns that exist only where the training part shows a non-zero value (words, categories).
        image_shape: (height, width) if the inputs are pixels.
        texts: N texts behind a bag of words, else None.
        is_ordered: true if the last rows are held out, and not rows drawn at random.
        groups: numbers (N,) from 0 on: rows with one number stay in one part; None where rows stand alone.
        test_is_train: true if the test part is the training part (a truth table has no other rows).
        unit_max: input value that scaling `unit` maps to 1.
        defaults: values of Spec fields that the user leaves open; they win over the source's.
        columns: what the columns of a table were understood as, those of the target left out; () for other data.
        read_new: (path, content or None) -> (X, notes): reads new examples as the table was read; None for other data.
        read_beside: the same -> what stands beside their inputs: the target, an id.
        impute: statistic of the training part that fills NaN in X, by column of `columns`; "" where none is missing.
        notes: how a file of the user's was understood, and what looks wrong, a line each.
    """

    name: str
    X: "np.ndarray[Any, Any] | scipy.sparse.csr_matrix[Any]"
    y: "np.ndarray[Any, Any]"
    task: Task
    digest: str
    source: str
    features: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    label_values: tuple[float, float] = (0.0, 1.0)
    test_index: "np.ndarray[Any, Any] | None" = None
    fitted_columns: "np.ndarray[Any, Any] | None" = None
    image_shape: tuple[int, int] | None = None
    texts: "list[str] | None" = None
    is_ordered: bool = False
    groups: "np.ndarray[Any, Any] | None" = None
    test_is_train: bool = False
    unit_max: float = 255.0
    defaults: Mapping[str, Any] = field(default_factory=dict)
    columns: "tuple[Column, ...]" = ()
    read_new: "Callable[[Path, bytes | None], tuple[Any, list[str]]] | None" = None
    read_beside: "Callable[[Path, bytes | None], Beside] | None" = None
    impute: Impute = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """Registered dataset before it is loaded.

    Attributes:
        name: as registered.
        help: one line for people.
        load: options -> Dataset; raises DataError where the data are missing or not what they should be.
        options: model of the options.
        task: task, where it is known without loading.
        defaults: values of Spec fields that the user leaves open.
        published: files that are fetched if this machine does not have them; None if nothing is ever fetched.
        locate: options -> files that `data path` prints.
    """

    name: str
    help: str
    load: Callable[[Any], Dataset]
    options: type[Options] = Options
    task: Task | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    published: Published | None = None
    locate: Callable[[Any], list[str]] | None = None


def options_of(source: Source, given: Mapping[str, Any]) -> Options:
    """Return the validated options of a dataset.

    Raises:
        UsageError: every problem at once.
    """
    try:
        return source.options(**given)
    except ValidationError as error:
        raise UsageError(list(explain(error, source.options, f"dataset {source.name}"))) from None


def digest_of(*parts: "bytes | str | np.ndarray[Any, Any]") -> str:
    """Return a hash (16 hex digits of sha256) of texts and of the contents, shapes and types of arrays."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, bytes | str):
            digest.update(part if isinstance(part, bytes) else part.encode())
        else:
            digest.update(f"{part.dtype.str}{part.shape}".encode())
            digest.update(part.data.cast("B") if part.flags.c_contiguous and part.size else part.tobytes())
        digest.update(b"\0")
    return digest.hexdigest()[:16]

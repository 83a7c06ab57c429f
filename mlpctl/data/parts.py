"""Split a dataset into training, validation and test part."""

import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpctl.errors import UsageError
from mlpctl.rng import permutation

if TYPE_CHECKING:
    from mlpctl.data.base import Dataset
    from mlpctl.spec import Spec

Part = Literal["train", "val", "test"]
Index = NDArray[np.int64]

PART_NAMES: dict[Part, str] = {"train": "training", "val": "validation", "test": "test"}
"""Names of the parts for people."""

HELD_OUT: tuple[Part, ...] = ("val", "test")

FEW_ROWS = 10
"""Below so many rows, the score of a part says next to nothing."""

TEST_LAYER, VAL_LAYER, FOLDS_LAYER = 0, 1, 2
"""Places in the random numbers of a split; every round of folds has one of its own, from the last on."""


class SplitRule(NamedTuple):
    """What decides the parts of a dataset.

    Attributes:
        test_fraction: share held out for testing, where the dataset has no test part of its own.
        val_fraction: share of the rest held out for validation; 0 where folds do it.
        seed: that draws them.
        folds: number of folds K, one of which is the validation part; 0 for none.
        repetition: number of the repetition: its fold is that number modulo K, and every K the rows are drawn anew.
    """

    test_fraction: float
    val_fraction: float
    seed: int
    folds: int = 0
    repetition: int = 0


def split_rule(spec: "Spec") -> SplitRule:
    """Return what decides the parts under a resolved spec."""
    folds = spec.folds or 0
    fractions = (spec.test_fraction or 0.0, spec.val_fraction or 0.0)
    return SplitRule(*fractions, spec.split_key, folds, spec.seed if folds else 0)


def split(dataset: "Dataset", rule: SplitRule) -> dict[Part, Index]:
    """Return the rows of each part, ascending; classes keep their shares in every part that is held out at random.

    Raises:
        UsageError: where no row would be left to train on, or to validate on in a fold.
    """
    rows: Index = np.arange(dataset.X.shape[0], dtype=np.int64)
    if dataset.test_is_train:
        test = rows
    elif dataset.test_index is not None:
        test = dataset.test_index.astype(np.int64)
        rows = np.setdiff1d(rows, test, assume_unique=True)
    else:
        rows, test = hold_out(dataset, rows, rule.test_fraction, rule.seed, layer=TEST_LAYER)
    if rule.folds:
        rows, val = _hold_out_fold(dataset, rows, rule)
    else:
        rows, val = hold_out(dataset, rows, rule.val_fraction, rule.seed, layer=VAL_LAYER)
    if not len(rows):
        raise UsageError(
            f"test_fraction {rule.test_fraction:g} and val_fraction {rule.val_fraction:g} leave none of the "
            f"{dataset.X.shape[0]} rows of {dataset.name} to train on"
        )
    return {"train": rows, "val": val, "test": test}


def hold_out(dataset: "Dataset", rows: Index, fraction: float, seed: int, *, layer: int) -> tuple[Index, Index]:
    """Return (kept, held out): ceil(fraction · n) rows are held out, of each class its share.

    Of rows in an order the last are held out, of rows in groups whole groups, about as many rows. Not scikit-learn's
    splitter: importing that takes a second, a thousand times the split.
    """
    n_held = math.ceil(fraction * len(rows) - 1e-9)
    if dataset.is_ordered:
        return rows[: len(rows) - n_held], rows[len(rows) - n_held :]
    order = rows[permutation(seed, "split", len(rows), layer=layer)]
    if n_held and dataset.groups is not None:
        held = _whole_groups(dataset.groups[order], n_held)
    elif n_held and dataset.task == "classification":
        codes, counts = numbered_classes(dataset.y[order])
        share = counts * (n_held / len(rows))
        quota = np.floor(share).astype(np.int64)
        quota[np.argsort(quota - share, kind="stable")[: n_held - quota.sum()]] += 1  # largest remainders
        by_class = np.argsort(codes, kind="stable")
        rank = np.empty_like(by_class)
        rank[by_class] = np.arange(len(codes)) - np.repeat(np.cumsum(counts) - counts, counts)
        held = rank < quota[codes]
    else:
        held = np.arange(len(order)) < n_held
    return np.sort(order[~held]), np.sort(order[held])


def _whole_groups(groups: Index, n_held: int) -> NDArray[np.bool_]:
    """Return which rows are held out: the groups in the order given, each that brings their number nearer to n_held."""
    codes, counts = numbered_classes(groups)
    held, taken = 0, list[int]()
    for group in dict.fromkeys(codes.tolist()):
        if counts[group] < 2 * (n_held - held) and len(taken) < len(counts) - 1:
            taken.append(group)
            held += int(counts[group])
    return np.isin(codes, taken or [int(counts.argmin())])


def _hold_out_fold(dataset: "Dataset", rows: Index, rule: SplitRule) -> tuple[Index, Index]:
    """Return (kept, held out): one of K folds of equal size is held out, in which classes have their shares.

    Raises:
        UsageError: where there are fewer rows or groups than folds.
    """
    rounds, fold = divmod(rule.repetition, rule.folds)
    order = rows[permutation(rule.seed, "split", len(rows), layer=FOLDS_LAYER + rounds)]
    own = np.arange(len(order)) % rule.folds
    if dataset.groups is not None:
        codes, counts = numbered_classes(dataset.groups[order])
        sizes, fold_of = np.zeros(rule.folds, np.int64), np.zeros(len(counts), np.int64)
        for group in np.argsort(-counts, kind="stable"):  # the largest first, each to the smallest fold so far
            fold_of[group] = sizes.argmin()
            sizes[fold_of[group]] += counts[group]
        own, units, what = fold_of[codes], len(counts), "groups"
    else:
        units, what = len(order), "rows"
        if dataset.task == "classification":
            own[np.argsort(dataset.y[order], kind="stable")] = np.arange(len(order)) % rule.folds
    if units < rule.folds:
        raise UsageError(f"folds must be at most the {units} {what} of {dataset.name} to train on, got {rule.folds}")
    held = own == fold
    return np.sort(order[~held]), np.sort(order[held])


def numbered_classes(y: NDArray[Any]) -> tuple[Index, Index]:
    """Return (codes, counts): each row's number among the classes that occur, and how many rows each of these has.

    Not by `np.unique`, which imports masked arrays: 7 ms.
    """
    counts = np.bincount(y)
    return (np.cumsum(counts > 0) - 1)[y], counts[counts > 0]


def sizes_told(parts: dict[Part, Index], folds: int = 0) -> str:
    """Return in words how many rows each part has."""
    sizes = {part: f"{len(rows):,} {PART_NAMES[part]}" for part, rows in parts.items() if len(rows)}
    if folds:
        sizes["val"] += f" (one of {folds} folds)"
    return ", ".join(sizes.values())


def doubts_of(dataset: "Dataset", parts: dict[Part, Index]) -> list[str]:
    """Return what is wrong with the parts, a line each: parts of a few rows, rows that stand in two parts."""
    if dataset.test_is_train:
        return []
    told = list[str]()
    for part in HELD_OUT:
        count, name = len(parts[part]), PART_NAMES[part]
        if 0 < count < FEW_ROWS:
            rows = "1 row" if count == 1 else f"{count} rows"
            told.append(f"the {name} part has {rows}: its score says next to nothing")
    keys = _row_keys(dataset)
    train = set(map(keys.__getitem__, parts["train"].tolist()))
    for part in HELD_OUT:
        repeated = sum(keys[row] in train for row in parts[part].tolist())
        if repeated:
            stand = "stands" if repeated == 1 else "stand"
            told.append(
                f"{repeated:,} of {len(parts[part]):,} {PART_NAMES[part]} rows {stand} in the training part too, "
                "inputs and target alike: the score counts what was learned by heart"
            )
    return told


def _row_keys(dataset: "Dataset") -> list[Any]:
    """Return for each row what equals that of another row where inputs and target are equal."""
    if dataset.texts is not None:
        return list(zip(dataset.texts, dataset.y.tolist(), strict=True))
    X, y = dataset.X, np.ascontiguousarray(dataset.y)
    if isinstance(X, np.ndarray):
        return [hash((row.tobytes(), own.tobytes())) for row, own in zip(np.ascontiguousarray(X), y, strict=True)]
    ends = X.indptr.tolist()
    return [
        hash((X.indices[start:end].tobytes(), X.data[start:end].tobytes(), own.tobytes()))
        for start, end, own in zip(ends, ends[1:], y, strict=True)
    ]

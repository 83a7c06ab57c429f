"""Compare the configurations that two results folders share, paired by seed.

A field that is fixed in each folder and differs between them is the subject of the comparison: configurations are
matched without it. So two sweeps over lr, one with dropout and one without, compare lr by lr.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlpctl.display.tables import Cell
from mlpctl.errors import UsageError
from mlpctl.report.compare.paired_test import Judgement, Paired, judge
from mlpctl.report.grouping import codes_of, distinct_values, is_there
from mlpctl.report.statistics.significance import by_seed, overlap_of, rounding_step
from mlpctl.report.summary import Summary, varied_fields
from mlpctl.report.tables import plain_cell
from mlpctl.store.columns import Array, Columns, objects, values_of

Match = tuple[Cell, ...]
"""The values of the fields that vary: what names a configuration in both folders."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """One dataset's configurations in two folders.

    Attributes:
        dataset: name of the dataset.
        column: column of `trials.csv` that is compared.
        better: "low" or "high", the better values of that column.
        changed: fields that are fixed in each folder and differ between them: (field, A's value, B's).
        varied: fields that name a configuration.
        both: (configuration, A's mean, B's, B − A) of those with scores in both, in A's order.
        failed: configurations in both without a score in one.
        only_a: configurations that A alone has.
        only_b: configurations that B alone has.
        best: (A's, B's) best configuration; None where nothing has a score.
        column_of_best: column that the two best are compared on: of the test part, if it did not choose them.
        best_paired: B's best − A's best there; None where one is missing.
    """

    dataset: str
    column: str
    better: str
    changed: tuple[tuple[str, Cell, Cell], ...]
    varied: tuple[str, ...]
    both: tuple[tuple[Match, float, float, Paired], ...]
    failed: tuple[Match, ...]
    only_a: tuple[Match, ...]
    only_b: tuple[Match, ...]
    best: tuple[Match, Match] | None
    column_of_best: str
    best_paired: Paired | None

    @property
    def judgements(self) -> list[Judgement]:
        """The judgement on each configuration that both have."""
        return [paired.judgement for *_, paired in self.both]

    @property
    def is_worse(self) -> bool:
        """True if B is worse in some configuration, or in its best."""
        return "worse" in self.judgements or (self.best_paired is not None and self.best_paired.judgement == "worse")


def outcome(a: Summary, b: Summary, *, margin: float = 0.0) -> Outcome:
    """Return the outcome of two folders' trials on one dataset.

    Args:
        a: summary of the first folder; its metric and part are compared.
        b: summary of the second.
        margin: largest difference that does not matter.

    Raises:
        UsageError: where B was not scored on what A is compared on.
    """
    if not is_there(b.rows[a.column]).any() and is_there(a.rows[a.column]).any():
        raise UsageError(f"B has no {a.on} {a.metric}: choose another part with --select-on or --metric")
    both = _stacked(a.rows, b.rows)
    sides = [both.rows(both["side"] == side) for side in ("A", "B")]
    differing = varied_fields(both)
    fixed = [name for name in differing if all(len(distinct_values(own[name])) == 1 for own in sides)]
    varied = [name for name in differing if name not in fixed]
    codes, firsts = codes_of(both["dataset"], *(both[name] for name in varied))
    both = both.plus({"match": codes})
    rows = both.only(varied).rows(firsts).records()
    names = [tuple(plain_cell(cell) for cell in row.values()) for row in rows] or [()]
    in_a, in_b = (_ranked(both, side, summary) for side, summary in (("A", a), ("B", b)))
    shared = [match for match in in_a if match in set(in_b)]
    first, second, paired = _paired(both, shared, shared, a.column, a.better, margin)
    scored = [k for k in range(len(shared)) if np.isfinite(first[:, k]).any() and np.isfinite(second[:, k]).any()]
    best = None if a.best is None or b.best is None else (in_a[0], in_b[0])
    test = f"test_{a.metric}"
    is_tested = test in both and all(is_there(own[test]).any() for own in sides)
    column = test if a.on != "test" and is_tested else a.column
    return Outcome(
        dataset=str(both["dataset"][0]),
        column=a.column,
        better=a.better,
        changed=tuple((name, _first(sides[0], name), _first(sides[1], name)) for name in fixed),
        varied=tuple(varied),
        both=tuple(
            (names[shared[k]], float(np.nanmean(first[:, k])), float(np.nanmean(second[:, k])), paired[k])
            for k in scored
        ),
        failed=tuple(names[shared[k]] for k in range(len(shared)) if k not in scored),
        only_a=tuple(names[match] for match in in_a if match not in set(in_b)),
        only_b=tuple(names[match] for match in in_b if match not in set(in_a)),
        best=None if best is None else (names[best[0]], names[best[1]]),
        column_of_best=column,
        best_paired=None if best is None else _paired(both, best[:1], best[1:], column, a.better, margin)[2][0],
    )


def _stacked(a: Columns, b: Columns) -> Columns:
    """Return the trials of A, then those of B, with a column `side`; an option that one has not is missing there."""
    columns = {}
    for name in (*a.names, *b.names):
        if name in a and name in b and a[name].dtype == b[name].dtype:
            columns[name] = np.concatenate([a[name], b[name]])
        else:
            cells = (values_of(table[name]) if name in table else [None] * len(table) for table in (a, b))
            columns[name] = objects([cell for some in cells for cell in some])
    return Columns({**columns, "side": objects(["A"] * len(a) + ["B"] * len(b))}, len(a) + len(b))


def _first(table: Columns, name: str) -> Cell:
    return plain_cell(values_of(table[name][:1])[0])


def _ranked(both: Columns, side: str, summary: Summary) -> list[int]:
    """Return the configurations of a side by their numbers, best first, as its summary has them."""
    own = both.rows(both["side"] == side)
    numbers = dict(zip(own["config"].tolist(), own["match"].tolist(), strict=True))
    return list(dict.fromkeys(numbers[config] for config in summary.ranked["config"].tolist()))


def _scores(both: Columns, side: str, matches: Sequence[int], column: str) -> Array:
    """Return the scores (seeds, configurations) of a side; the rows of both sides are the same seeds."""
    scores = by_seed(both, ["side", "match"], column)
    place = {name: number for number, name in enumerate(scores.names)}
    wanted = [place.get((side, match), -1) for match in matches]  # -1: no seed has a score
    return np.hstack([scores.values, np.full((len(scores.values), 1), np.nan)])[:, wanted]


def _paired(
    both: Columns, a: Sequence[int], b: Sequence[int], column: str, better: str, margin: float
) -> tuple[Array, Array, list[Paired]]:
    """Return (A's scores, B's scores, judgements) of configurations of A with configurations of B, one by one."""
    if not a or not is_there(both[column]).any():
        empty = np.full((1, len(a)), np.nan)
        return empty, empty, [Paired(0, None, None, None, None, "undecided") for _ in a]
    first, second = _scores(both, "A", a, column), _scores(both, "B", b, column)
    config = dict(zip(zip(both["side"], both["match"].tolist(), strict=True), both["config"], strict=True))
    judged = judge(
        first,
        second,
        better=better,
        step=rounding_step(both, column),
        margin=margin,
        dtype=next((str(dtype) for dtype in both["dtype"] if dtype is not None), "float32"),
        same=[config["A", x] == config["B", y] for x, y in zip(a, b, strict=True)],
        overlap=overlap_of(both),
    )
    return first, second, judged

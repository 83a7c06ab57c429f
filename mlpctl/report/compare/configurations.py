"""Compare the configurations that two results folders share, paired by seed.

A field that is fixed in each folder and differs between them is the subject of the comparison: configurations are
matched without it. So two sweeps over lr, one with dropout and one without, compare lr by lr.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpctl.display.tables import Cell
from mlpctl.errors import UsageError
from mlpctl.report.compare.paired_test import Judgement, Paired, judge
from mlpctl.report.dataframes import by_seed, plain, varied_fields
from mlpctl.report.statistics.significance import resolution
from mlpctl.report.summary import Summary

if TYPE_CHECKING:
    import pandas as pd

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
    import pandas as pd

    both = pd.concat({"A": a.trials, "B": b.trials}, names=["side"]).reset_index(level="side")
    if both.loc[both["side"] == "B", a.column].isna().all() and a.trials[a.column].notna().any():
        raise UsageError(f"B has no {a.on} {a.metric}: choose another part with --select-on or --metric")
    differing = varied_fields(both)
    sides = both.groupby("side")
    fixed = [name for name in differing if bool((sides[name].nunique(dropna=False) == 1).all())]
    varied = [name for name in differing if name not in fixed]
    both["match"] = [tuple(plain(value) for value in values) for values in both[varied].itertuples(index=False)]
    order = {side: _ranked(both, side, summary) for side, summary in (("A", a), ("B", b))}
    shared = [match for match in order["A"] if match in set(order["B"])]
    first, second, paired = _paired(both, shared, shared, a.column, a.better, margin)
    scored = [k for k in range(len(shared)) if np.isfinite(first[:, k]).any() and np.isfinite(second[:, k]).any()]
    best = None if a.best is None or b.best is None else (order["A"][0], order["B"][0])
    column = _column_of_best(a, both)
    return Outcome(
        dataset=str(both["dataset"].iloc[0]),
        column=a.column,
        better=a.better,
        changed=tuple((name, _fixed(both, "A", name), _fixed(both, "B", name)) for name in fixed),
        varied=tuple(varied),
        both=tuple(
            (shared[k], float(np.nanmean(first[:, k])), float(np.nanmean(second[:, k])), paired[k]) for k in scored
        ),
        failed=tuple(shared[k] for k in range(len(shared)) if k not in scored),
        only_a=tuple(match for match in order["A"] if match not in set(order["B"])),
        only_b=tuple(match for match in order["B"] if match not in set(order["A"])),
        best=best,
        column_of_best=column,
        best_paired=None if best is None else _paired(both, [best[0]], [best[1]], column, a.better, margin)[2][0],
    )


def _fixed(both: "pd.DataFrame", side: str, name: str) -> Cell:
    return plain(both.loc[both["side"] == side, name].iloc[0])


def _ranked(both: "pd.DataFrame", side: str, summary: Summary) -> list[Match]:
    """Return the configurations of a side, best first, as its summary has them."""
    own = both[both["side"] == side].drop_duplicates("config").set_index("config")["match"]
    return list(dict.fromkeys(own[config] for config in summary.configurations["config"]))


def _scores(both: "pd.DataFrame", side: str, matches: Sequence[Match], column: str) -> Any:
    """Return the scores (seeds, configurations) of a side; the rows of both sides are the same seeds."""
    names = {match: number for number, match in enumerate(dict.fromkeys(both["match"]))}
    table = by_seed(both.assign(_name=both["match"].map(names)), ["side", "_name"], column)
    wanted = [(side, names[match]) for match in matches]
    return table.reindex(columns=wanted).to_numpy(dtype=np.float64)


def _paired(
    both: "pd.DataFrame", a: Sequence[Match], b: Sequence[Match], column: str, better: str, margin: float
) -> tuple[Any, Any, list[Paired]]:
    """Return (A's scores, B's scores, judgements) of configurations of A with configurations of B, one by one."""
    if not a or both[column].isna().all():
        empty = np.full((1, len(a)), np.nan)
        return empty, empty, [Paired(0, None, None, None, None, "undecided") for _ in a]
    first, second = _scores(both, "A", a, column), _scores(both, "B", b, column)
    dtypes = both["dtype"].dropna()
    judged = judge(
        first,
        second,
        better=better,
        step=resolution(np.concatenate([first, second])) if column.endswith("accuracy") else 0.0,
        margin=margin,
        dtype=str(dtypes.iloc[0]) if len(dtypes) else "float32",
        same=_same(both, a, b),
    )
    return first, second, judged


def _same(both: "pd.DataFrame", a: Sequence[Match], b: Sequence[Match]) -> list[bool]:
    keys = {
        (side, match): config for side, match, config in zip(both["side"], both["match"], both["config"], strict=True)
    }
    return [keys["A", x] == keys["B", y] for x, y in zip(a, b, strict=True)]


def _column_of_best(a: Summary, both: "pd.DataFrame") -> str:
    test = f"test_{a.metric}"
    known = test in both and bool((both[both[test].notna()].groupby("side").size().reindex(["A", "B"]) > 0).all())
    return test if a.on != "test" and known else a.column

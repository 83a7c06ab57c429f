"""Compare two trials: their specs, what they ran on, scores and learning curves."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpctl.display.tables import Cell, Table, for_people
from mlpctl.errors import UsageError
from mlpctl.metrics import BETTER, PRIMARY
from mlpctl.report.compare.closeness import COMPARED, EPSILON, Deviation, deviations
from mlpctl.report.compare.comparison import SIDES, ResultsComparison, interval_text
from mlpctl.report.compare.environments import differing, of_trial
from mlpctl.report.compare.paired_test import Paired, judge
from mlpctl.report.statistics.significance import EXAMPLES_OF, PAIRING, rounding_step
from mlpctl.spec import Spec
from mlpctl.store import reader
from mlpctl.store.columns import Columns, objects
from mlpctl.store.find_trial import StoredTrial, find
from mlpctl.store.folder_files import read_json
from mlpctl.store.schema import ENVIRONMENT_FILE

COMPARED_SCORES = tuple(name for name in COMPARED if name != "lr")

EPOCHS_SHOWN = 12
"""Epochs that people see, spread over all."""

Rows = list[dict[str, Cell]]
SeedKey = tuple[Cell, ...]


@dataclass(frozen=True, eq=False)
class _Side:
    """A trial, and all seeds of its configuration in its folder.

    Attributes:
        place: folder and key of the trial.
        row: row of `trials.csv`.
        epochs: seed -> rows of `epochs.csv`.
        finals: seed -> row of `trials.csv`, of trials that ended well.
        seed: seed of the trial.
    """

    place: StoredTrial
    row: dict[str, Cell]
    epochs: dict[SeedKey, Rows]
    finals: dict[SeedKey, dict[str, Cell]]
    seed: SeedKey

    @property
    def own(self) -> Rows:
        """The epochs of the trial itself."""
        return self.epochs.get(self.seed, [])


def compare_trials(where_a: str, where_b: str, *, margin: float = 0.0) -> ResultsComparison:
    """Return the comparison of two trials, each written RESULTS#KEY.

    Where the folders have several seeds of both configurations, differences have an interval, paired by seed.

    Args:
        where_a: a trial.
        where_b: the other trial.
        margin: largest difference that does not matter.

    Raises:
        DataError: where there are no results.
        UsageError: for a name that fits no trial or several, or trials of different tasks.
    """
    a, b = _side(where_a), _side(where_b)
    if a.row["task"] != b.row["task"] and None not in (a.row["task"], b.row["task"]):
        raise UsageError(f"A is {a.row['task']} and B is {b.row['task']}: their scores cannot be compared")
    primary = PRIMARY[str(a.row["task"] or b.row["task"] or "classification")]
    found = deviations(a.own, b.own, _epsilon(a, b), {})
    scores = list(_scores(a, b, margin))
    decisive = next((row for row in scores if row["score"] == f"test_{primary}"), None)
    decisive = decisive or next((row for row in scores if row["score"] == f"val_{primary}"), None)
    specs = [Spec.from_flat(side.row).flat() for side in (a, b)]
    differ = [name for name in specs[0] if specs[0][name] != specs[1][name]]
    asked: Rows = [{"part": "spec", "what": name, "A": specs[0][name], "B": specs[1][name]} for name in differ]
    if a.row["digest"] != b.row["digest"]:
        asked.append({"part": "data", "what": "digest", "A": a.row["digest"], "B": b.row["digest"]})
    ran = [of_trial(read_json(side.place.folder / ENVIRONMENT_FILE), side.row) for side in (a, b)]
    curve = [f"val_{primary}", f"train_{primary}", "train_loss"]
    column = next((name for name in curve if any(row.get(name) is not None for row in (*a.own, *b.own))), curve[-1])
    return ResultsComparison(
        title=f"A: {a.place}   B: {b.place}",
        sentences=tuple(_sentences(a, b, found, decisive)),
        experiment=tuple(asked),
        environment=tuple(differing(*ran, sides=SIDES)),
        outcome=(_score_table(scores, people=False), _all_epochs(a, b)),
        brief=(_score_table(scores, people=True), _shown(a, b, column)),
        worse=decisive is not None and decisive["B is"] == "worse",
    )


def _side(where: str) -> _Side:
    place = find(where, needed=False, failed=True)
    rows = {str(row["key"]): row for row in reader.trials(place.folder).records()}
    row = rows[place.key]
    alike = {key: other for key, other in rows.items() if other["config"] == row["config"] and other["status"] == "ok"}
    alike[place.key] = row
    seeds = {key: _seed(other) for key, other in alike.items()}
    epochs: dict[SeedKey, Rows] = {}
    for cells in reader.epochs(place.folder, seeds).records():
        epochs.setdefault(seeds[cells["key"]], []).append(cells)
    finals = {seeds[key]: other for key, other in alike.items() if other["status"] == "ok"}
    return _Side(place, row, epochs, finals, seeds[place.key])


def _seed(row: Mapping[str, Cell]) -> SeedKey:
    return tuple(row.get(name) for name in PAIRING)


def _epsilon(a: _Side, b: _Side) -> float:
    return max(EPSILON[str(side.row["dtype"])] for side in (a, b))


def _scores(a: _Side, b: _Side, margin: float) -> Iterator[dict[str, Cell]]:
    """Yield a row per score that both trials have: the trials' own, then B − A over the seeds that both have."""
    shared, dtype = [seed for seed in a.finals if seed in b.finals], str(a.row["dtype"])
    for name in COMPARED_SCORES:
        x, y = a.row.get(name), b.row.get(name)
        if isinstance(x, float) and isinstance(y, float):
            values = [[side.finals[seed].get(name) for seed in shared] for side in (a, b)]
            yield {"score": name, **_compared(name, x, y, values, margin, _step(a, b, name), dtype)}


def _step(a: _Side, b: _Side, column: str) -> float:
    """Return what the scores of a column are rounded to in all trials of both sides."""
    rows = [*a.finals.values(), *b.finals.values()]
    names = (column, *EXAMPLES_OF.values())
    return rounding_step(Columns({name: objects([row.get(name) for row in rows]) for name in names}, len(rows)), column)


def _compared(
    column: str, x: float, y: float, values: list[list[Cell]], margin: float, step: float, dtype: str
) -> dict[str, Cell]:
    """Return x, y, and the judgement on values (2, seeds) of one column, whose scores are rounded to a step."""
    paired = Paired(0, None, None, None, None, "undecided")
    scores = np.array([[np.nan if cell is None else cell for cell in side] for side in values], dtype=np.float64)
    if scores.size:
        better = BETTER[column.partition("_")[2]]
        [paired] = judge(scores[0][:, None], scores[1][:, None], better=better, step=step, margin=margin, dtype=dtype)
    return {
        "A": x, "B": y, "B − A": y - x, "seeds": paired.pairs, "difference": paired.difference, "low": paired.low,
        "high": paired.high, "p": paired.p, "B is": paired.judgement,
    }  # fmt: skip


def _score_table(scores: Rows, *, people: bool) -> Table:
    if not people:
        columns = ["score", *SIDES, "B − A", "seeds", "difference", "low", "high", "p", "B is"]
        return Table(columns, scores, "Scores at the end")
    if all(row["low"] is None for row in scores):
        notes = ["One seed gives no interval: with more seeds of both configurations there is one."] if scores else []
        return Table(["score", *SIDES, "B − A"], scores, "Scores at the end", notes)
    columns = ["score", *SIDES, "over seeds", "95 % interval", "p", "B is"]
    note = "over seeds: mean of B − A over the seeds that both configurations have; p of each score by itself."
    return Table(columns, [_for_people(row) for row in scores], "Scores at the end", [note])


def _for_people(row: dict[str, Cell]) -> dict[str, Cell]:
    return {**row, "over seeds": row["difference"], "95 % interval": interval_text(row["low"], row["high"])}


def _epochs(a: _Side, b: _Side, column: str) -> Iterator[dict[str, Cell]]:
    """Yield a row per epoch that both have: the trials' values, their difference, and its interval over seeds."""
    one, other = ({row["epoch"]: row.get(column) for row in side.own} for side in (a, b))
    shared = [seed for seed in a.epochs if seed in b.epochs and seed in a.finals and seed in b.finals]
    by_seed = [[{row["epoch"]: row.get(column) for row in side.epochs[seed]} for seed in shared] for side in (a, b)]
    step, dtype = _step(a, b, column), str(a.row["dtype"])
    for epoch in sorted({*one, *other}, key=lambda number: int(number or 0)):
        x, y = one.get(epoch), other.get(epoch)
        if isinstance(x, float) and isinstance(y, float):
            values = [[known.get(epoch) for known in side] for side in by_seed]
            yield {"epoch": epoch, "column": column, **_compared(column, x, y, values, 0.0, step, dtype)}


def _shown(a: _Side, b: _Side, column: str) -> Table:
    rows = list(_epochs(a, b, column))
    step = -(-len(rows) // EPOCHS_SHOWN) or 1
    shown = [row for number, row in enumerate(rows) if number % step == 0 or number == len(rows) - 1]
    columns = ["epoch", *SIDES, "B − A"]
    if any(row["low"] is not None for row in rows):
        columns += ["over seeds", "95 % interval"]
        shown = [_for_people(row) for row in shown]
    notes = [f"{len(shown)} of {len(rows)} epochs; --format csv has all, of every column."] if step > 1 else []
    return Table(columns, shown, f"Epochs: {column}", notes)


def _all_epochs(a: _Side, b: _Side) -> Table:
    rows = [row for column in COMPARED_SCORES for row in _epochs(a, b, column)]
    return Table(["epoch", "column", *SIDES, "B − A", "seeds", "difference", "low", "high", "p"], rows, "Epochs")


def _sentences(a: _Side, b: _Side, found: Sequence[Deviation], decisive: Mapping[str, Any] | None) -> Iterator[str]:
    for side, name in ((a, "A"), (b, "B")):
        ended = str(side.row["status"]).replace("_", " ")
        seeds = len(side.finals)
        also = f"; {seeds} seeds of its configuration ended well" if seeds > 1 else ""
        yield f"{name}: {side.row['dataset']} {side.row['model'] or ''}, seed {side.row['seed']}, {ended}{also}."
    if not found:
        yield "Every epoch that is recorded is the same, bit for bit."
    else:
        first = min(deviation.first for deviation in found)
        which = ", ".join(deviation.column for deviation in found if deviation.first == first)
        rounding = all(deviation.is_rounding for deviation in found)
        within = f", within rounding (ε = {for_people(_epsilon(a, b))})" if rounding else ""
        yield f"They differ from epoch {first} on ({which}){within}."
    if decisive is not None and decisive["low"] is not None:
        yield (
            f"By {str(decisive['score']).replace('_', ' ')} over {decisive['seeds']} seeds, B − A is "
            f"{for_people(decisive['difference'])} [{for_people(decisive['low'])}, {for_people(decisive['high'])}]: "
            f"B's configuration is {decisive['B is']}."
        )
    elif decisive is not None:
        yield "One seed gives no interval: whether a difference is chance cannot be said."

"""Stored trials beside their repetitions, as tables."""

from collections import Counter
from collections.abc import Sequence

from mlpctl.display.tables import Cell, Table, for_people
from mlpctl.report.compare.closeness import Deviation
from mlpctl.report.reproduce import CUT, SIDES, Again


def summary(many: Sequence[Again]) -> tuple[str, bool]:
    """Return how many trials came back, in words, and whether one did not."""
    counts = Counter(one.verdict for one in many)
    told = ", ".join(f"{counts[said]} {said}" for said in ("bit-equal", "equal within ε", "different") if counts[said])
    return f"{len(many)} trial{'s' * (len(many) != 1)} trained again: {told}", counts["different"] > 0


def tables_of(many: Sequence[Again], *, people: bool) -> list[Table]:
    """Return one trial in full for people, else a row per trial: its verdict, what differs most, which inputs do."""
    if people and len(many) == 1:
        return in_full(many[0])
    rows = [_in_short(one) if people else _row(one) for one in many]
    return [Table(list(rows[0]), rows, "Trials trained again", [summary(many)[0]], ("epsilon",))]


def _row(one: Again) -> dict[str, Cell]:
    worst = _worst(one)
    return {
        "trial": str(one.place),
        "status": one.row["status"],
        "status_now": one.now["status"],
        "verdict": one.verdict,
        "epsilon": one.epsilon,
        "column": None if worst is None else worst.column,
        "first_epoch": None if worst is None else worst.first,
        "difference": None if worst is None else worst.difference,
        "inputs_that_differ": _inputs(one),
    }


def _in_short(one: Again) -> dict[str, Cell]:
    worst, status = _worst(one), [str(row["status"]).replace("_", " ") for row in (one.row, one.now)]
    return {
        "trial": one.place.key,
        "status": status[0] if status[0] == status[1] or one.row["status"] in CUT else f"{status[0]}, now {status[1]}",
        "verdict": one.verdict,
        "differs most": None if worst is None else f"{worst.column}, by {worst.difference:.2g}",
        "inputs that differ": _inputs(one),
    }


def _worst(one: Again) -> Deviation | None:
    return max(one.deviations, key=lambda d: d.difference / (d.allowed or 1.0), default=None)


def _inputs(one: Again) -> str | None:
    return ", ".join(str(row["what"]) for row in one.inputs) or None


def in_full(one: Again) -> list[Table]:
    """Return what can be said of one trial: the verdict, the columns that differ, the inputs that do."""
    tables = [Table((), (), str(one.place), [_sentence(one), *_reasons(one)])]
    if one.deviations:
        columns = ["column", "first epoch", "epochs", *SIDES, "difference", "allowed"]
        rows: list[dict[str, Cell]] = [
            {
                "column": d.column, "first epoch": d.first, "epochs": d.epochs, SIDES[0]: d.a, SIDES[1]: d.b,
                "difference": d.difference, "allowed": d.allowed,
            }
            for d in one.deviations
        ]  # fmt: skip
        tables.append(Table(columns, rows, "Columns that differ, where they are farthest apart", (), SIDES))
    if one.inputs:
        tables.append(Table(["what", *SIDES], one.inputs, "Recorded inputs that are otherwise now"))
    return tables


def _sentence(one: Again) -> str:
    spec = f"{one.row['dataset']} {one.row['model'] or ''}".strip()
    done = f"{spec}, {one.row['epochs_done'] or 0} epochs, {str(one.row['status']).replace('_', ' ')}"
    if one.verdict == "bit-equal":
        return f"Bit-equal: {done}; every recorded number came back."
    if one.verdict == "equal within ε":
        return (
            f"Equal within ε = {for_people(one.epsilon)} of the largest value of each column (an accuracy: within one "
            f"example): {done}."
        )
    if one.row["status"] not in (one.now["status"], *CUT):
        why = f" ({one.now['error']})" if one.now.get("error") else ""
        return f"Different: {done}; now {str(one.now['status']).replace('_', ' ')}{why}."
    beyond = next(d for d in one.deviations if not d.is_rounding) if one.deviations else None
    where = f"; {beyond.column} is not the same from epoch {beyond.first} on" if beyond else ""
    return f"Different: {done}{where} (beyond ε = {for_people(one.epsilon)})."


def _reasons(one: Again) -> list[str]:
    notes = []
    if one.row["status"] in CUT:
        notes.append(f"It ended with {one.row['status']}: compared as far as it came.")
    if one.verdict == "different" and not one.inputs:
        notes.append(
            "No recorded input differs: the rows were changed after they were written, or this engine does not repeat "
            "itself. `mlpctl results check` finds changed rows."
        )
    if one.verdict != "different" and one.inputs:
        notes.append("These inputs differ and have not changed the result:")
    return notes

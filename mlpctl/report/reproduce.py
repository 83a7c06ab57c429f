"""Train stored trials again and compare their numbers: `mlpctl verify RESULTS#TRIAL`.

A trial is trained by `mlpctl.runner.loop` into a temporary folder, so that its rows are written and read as those of
the store. The store itself is only read.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, get_args

from mlpctl.display.tables import Cell, Table, for_people
from mlpctl.engines.precision import Precision
from mlpctl.errors import DataError, DeviceError, UsageError
from mlpctl.report.compare.closeness import COMPARED, EPSILON, Closeness, Deviation, closeness_of, deviations
from mlpctl.report.compare.environments import differing, flat, of_row, of_trial
from mlpctl.runner.callbacks.base import Callback
from mlpctl.runner.engine_choice import check_named
from mlpctl.runner.loop import run
from mlpctl.runner.pending import identify
from mlpctl.runner.trial import Trial
from mlpctl.runner.types import RunOptions, Stop
from mlpctl.spec import Spec, is_own_model
from mlpctl.store import reader
from mlpctl.store.find_trial import StoredTrial
from mlpctl.store.folder_files import read_json
from mlpctl.store.key import key_problem
from mlpctl.store.schema import ENVIRONMENT_FILE
from mlpctl.store.writer import Store
from mlpctl.system.facts import environment

CUT = ("timeout", "interrupted")
"""Statuses of trials that ended early by the clock or the user: only their epochs are compared."""

RECORDED_NOW = ("recorded", "now")


@dataclass(frozen=True, eq=False)
class Reproduction:
    """A stored trial and its repetition.

    Attributes:
        place: of the stored trial.
        row: as it is in `trials.csv`.
        now: the row of the repetition.
        verdict: bit-equal, equal within ε, or different.
        epsilon: ε, relative to the largest value of a column.
        deviations: columns of the epochs that differ.
        inputs: rows (what, recorded, now) of inputs, versions and hardware that differ.
    """

    place: StoredTrial
    row: Mapping[str, Cell]
    now: Mapping[str, Cell]
    verdict: Closeness
    epsilon: float
    deviations: tuple[Deviation, ...]
    inputs: tuple[dict[str, Cell], ...]


@dataclass(frozen=True, eq=False)
class _Stored:
    place: StoredTrial
    row: dict[str, Cell]
    epochs: list[dict[str, Cell]]
    spec: Spec
    trial: Trial | None
    key: str  # of the repetition: another than the stored one where data, row or numerics are not those any more


def draw_trials(folder: Path, count: int, seed: int) -> list[StoredTrial]:
    """Return `count` trials of a results folder at random, in the order of the folder; all where it has fewer.

    Raises:
        DataError: where there are no results.
    """
    keys = list(reader.keys(folder))
    if not keys:
        raise DataError(f"no results in {folder}: it has no trial to verify")
    chosen = set(Random(seed).sample(keys, min(count, len(keys))))
    return [StoredTrial(folder, key) for key in keys if key in chosen]


def reproduce(
    places: Sequence[StoredTrial],
    options: RunOptions,
    screen: AbstractContextManager[Callback],
    stop: Stop,
    data: Mapping[str, str],
) -> list[Reproduction]:
    """Return stored trials beside their repetitions, in the order given.

    A trial is trained by the engine, on the device and with the threads that its row names, unless the options name
    others; where its device is not there, on the CPU.

    Args:
        places: of the trials.
        options: jobs; engine and device other than auto replace the recorded ones.
        screen: shows the progress.
        stop: set to stop.
        data: options of the dataset in place of the recorded ones: where its files are now.

    Raises:
        DataError: where results, data or starting weights are missing.
        UsageError: where the engine that is asked for cannot train a trial.
        Interrupted: after a stop was requested.
    """
    stored = [_read(place, data) for place in places]
    done: dict[int, Reproduction] = {}
    with screen as callback:
        for run_options, group in _runs(stored, options):
            with TemporaryDirectory(prefix="mlpctl-verify-") as folder, Store(Path(folder)) as store:
                run([[stored[number].spec for number in group]], store, run_options, callback, stop)
                done |= {number: _compare(stored[number], Path(folder)) for number in group}
    return [done[number] for number in range(len(stored))]


def _read(place: StoredTrial, data: Mapping[str, str]) -> _Stored:
    row, epochs = reader.trial(place.folder, place.key)
    spec = Spec.from_flat(row).with_data(data)
    if spec.model is not None and is_own_model(spec.model):
        raise UsageError(
            f"{place} is of a model of your own: `mlpctl sweep --force` with the same --model trains it again"
        )
    trial, impossible = identify(spec)
    return _Stored(place, row, epochs, spec, trial, str(impossible["key"]) if trial is None else trial.key)


def _runs(stored: Sequence[_Stored], options: RunOptions) -> Iterator[tuple[RunOptions, list[int]]]:
    """Yield (options, numbers of the trials) of each run: trials with equal options are trained together."""
    options_of = {number: _recorded_options(one, options) for number, one in enumerate(stored)}
    order = sorted(options_of, key=lambda number: repr(options_of[number]))
    for _, numbers in groupby(order, key=lambda number: repr(options_of[number])):
        group = list(numbers)
        keys = {stored[number].key for number in group}
        if len(keys) == len(group):
            yield options_of[group[0]], group
        else:  # the same trial twice, from two folders
            yield from ((options_of[number], [number]) for number in group)


def _recorded_options(one: _Stored, options: RunOptions) -> RunOptions:
    """Return the options that a trial was trained with, where the options given leave them open."""
    precision = one.row.get("used_precision")
    same: Precision = precision if precision in ("tf32", "bf16") else "fp32"  # type: ignore[assignment]
    recorded = replace(
        options,
        engine=options.engine if options.engine != "auto" else str(one.row.get("used_engine") or "auto"),
        device=options.device if options.device != "auto" else str(one.row.get("used_device") or "auto"),
        threads=int(one.row.get("threads") or 1),
        precision=same if options.engine in ("auto", "lanes") else "fp32",
        fit_each=any(name.startswith("fit_") and row[name] is not None for row in one.epochs for name in row),
        test_each=sum(any(n.startswith("test_") and v is not None for n, v in row.items()) for row in one.epochs) > 1,
        failures_in_a_row=float("inf"),
    )
    if one.trial is None:
        return recorded
    try:
        check_named(one.trial, recorded)
    except DeviceError:
        if options.device != "auto":
            raise
        return replace(recorded, engine=options.engine, device="cpu", precision="fp32")
    return recorded


def _compare(one: _Stored, folder: Path) -> Reproduction:
    now, epochs = reader.trial(folder, one.key)
    is_cut = one.row["status"] in CUT
    if is_cut:
        epochs = [row for row in epochs if int(row["epoch"] or 0) <= int(one.row["epochs_done"] or 0)]
    epsilon = EPSILON[_arithmetic(one.row, now)]
    examples = _examples(one.trial)
    found = {d.column: d for d in deviations(one.epochs, epochs, epsilon, examples)}
    if not is_cut:  # the row of the trial repeats its last epoch, and counts as well
        for deviation in deviations([_scores(one.row)], [_scores(now)], epsilon, examples):
            known = found.setdefault(deviation.column, deviation)
            found[deviation.column] = max(known, deviation, key=lambda d: d.difference)
    same = is_cut or (one.row["status"], one.row["epochs_done"]) == (now["status"], now["epochs_done"])
    ordered = tuple(sorted(found.values(), key=lambda deviation: deviation.first))
    return Reproduction(
        one.place, one.row, now, closeness_of(ordered, same_status=same), epsilon, ordered, _changed_inputs(one, now)
    )


def _scores(row: Mapping[str, Cell]) -> dict[str, Cell]:
    return {"epoch": row.get("epochs_done") or 0, **{name: row.get(name) for name in COMPARED if name != "lr"}}


def _arithmetic(*rows: Mapping[str, Cell]) -> str:
    """Return the least precise arithmetic of the rows."""
    used = [str(row[name]) for row in rows for name in ("dtype", "used_precision") if row.get(name) in EPSILON]
    return max(used, key=lambda name: EPSILON[name], default="float32")


def _examples(trial: Trial | None) -> dict[str, int]:
    """Return part -> number of its examples, "fit" being the training part once more."""
    parts = {} if trial is None else trial.work().data.parts
    return {name: len(rows) for name, rows in parts.items()} | ({"fit": len(parts["train"])} if parts else {})


def _changed_inputs(one: _Stored, now: Mapping[str, Cell]) -> tuple[dict[str, Cell], ...]:
    found: list[dict[str, Cell]] = []
    if key_problem(one.row):
        found.append({"what": "spec", "recorded": f"that of {one.place.key}", "now": "its cells were changed"})
    if one.row.get("digest") != now.get("digest"):
        before, after = (None if row.get("digest") is None else str(row["digest"]) for row in (one.row, now))
        found.append({"what": "dataset digest", "recorded": before, "now": after})
    content = read_json(one.place.folder / ENVIRONMENT_FILE)
    here: dict[str, Any] = {**flat(environment()), **of_row(now)}
    return (*found, *differing(of_trial(content, one.row), here, sides=RECORDED_NOW))


def reproduced_text(many: Sequence[Reproduction]) -> tuple[str, bool]:
    """Return how many trials came back, in words, and whether one did not."""
    counts = Counter(one.verdict for one in many)
    text = ", ".join(f"{counts[verdict]} {verdict}" for verdict in get_args(Closeness) if counts[verdict])
    return f"{len(many)} trial{'s' * (len(many) != 1)} trained again: {text}", counts["different"] > 0


def reproduced_tables(many: Sequence[Reproduction], *, people: bool) -> list[Table]:
    """Return one trial in full for people, else a row per trial: its verdict, what differs most, which inputs do."""
    if people and len(many) == 1:
        return _in_full(many[0])
    rows = [_in_short(one) if people else _row(one) for one in many]
    return [Table(list(rows[0]), rows, "Trials trained again", [reproduced_text(many)[0]], ("epsilon",))]


def _row(one: Reproduction) -> dict[str, Cell]:
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
        "inputs_that_differ": _input_names(one),
    }


def _in_short(one: Reproduction) -> dict[str, Cell]:
    worst, status = _worst(one), [str(row["status"]).replace("_", " ") for row in (one.row, one.now)]
    return {
        "trial": one.place.key,
        "status": status[0] if status[0] == status[1] or one.row["status"] in CUT else f"{status[0]}, now {status[1]}",
        "verdict": one.verdict,
        "differs most": None if worst is None else f"{worst.column}, by {worst.difference:.2g}",
        "inputs that differ": _input_names(one),
    }


def _worst(one: Reproduction) -> Deviation | None:
    return max(one.deviations, key=lambda d: d.difference / (d.allowed or 1.0), default=None)


def _input_names(one: Reproduction) -> str | None:
    return ", ".join(str(row["what"]) for row in one.inputs) or None


def _in_full(one: Reproduction) -> list[Table]:
    """Return what can be said of one trial: the verdict, the columns that differ, the inputs that do."""
    tables = [Table((), (), str(one.place), [_sentence(one), *_reasons(one)])]
    if one.deviations:
        columns = ["column", "first epoch", "epochs", *RECORDED_NOW, "difference", "allowed"]
        values = ((d.column, d.first, d.epochs, d.a, d.b, d.difference, d.allowed) for d in one.deviations)
        rows = [dict(zip(columns, row, strict=True)) for row in values]
        tables.append(Table(columns, rows, "Columns that differ, where they are farthest apart", (), RECORDED_NOW))
    if one.inputs:
        tables.append(Table(["what", *RECORDED_NOW], one.inputs, "Recorded inputs that are otherwise now"))
    return tables


def _sentence(one: Reproduction) -> str:
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


def _reasons(one: Reproduction) -> list[str]:
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

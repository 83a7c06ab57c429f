"""What `mlpctl verify RESULTS#TRIAL` does: train a stored trial again and say whether its numbers come back.

The trial is trained by `mlpctl.runner.loop`, into a folder that is thrown away: the same way, its rows
written and read as those of the store. The store itself is only read.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from mlpctl.display.tables import Cell
from mlpctl.engines.precision import Precision
from mlpctl.errors import DataError, DeviceError
from mlpctl.report.compare.closeness import COMPARED, EPSILON, Deviation, Verdict, deviations, verdict
from mlpctl.report.compare.environments import differing, flat, of_row, of_trial
from mlpctl.runner.callbacks.base import Callback
from mlpctl.runner.engine_choice import check_named
from mlpctl.runner.loop import run
from mlpctl.runner.pending import identify
from mlpctl.runner.trial import Trial
from mlpctl.runner.types import RunOptions, Stop
from mlpctl.spec import Spec
from mlpctl.store.find_trial import Place
from mlpctl.store.maintenance.check import edited
from mlpctl.store.results import read_json
from mlpctl.store.schema import ENVIRONMENT_FILE, TRIALS_FILE
from mlpctl.store.trial_rows import stored_rows
from mlpctl.store.writer import Store, read_keys
from mlpctl.system.facts import environment

CUT = ("timeout", "interrupted")
"""Statuses that the clock or the user decided: such a trial is compared as far as it came."""

SIDES = ("recorded", "now")

Rows = list[dict[str, Cell]]


@dataclass(frozen=True, eq=False)
class Again:
    """A stored trial and its repetition.

    Attributes:
        place: of the stored trial.
        row: as it is in `trials.csv`.
        now: the row of the repetition.
        verdict: bit-equal, equal within ε, or different.
        epsilon: ε, relative to the largest value of a column.
        deviations: columns of the epochs that differ.
        inputs: what is recorded of what decides the numbers, and is otherwise now: what, recorded, now.
    """

    place: Place
    row: Mapping[str, Cell]
    now: Mapping[str, Cell]
    verdict: Verdict
    epsilon: float
    deviations: tuple[Deviation, ...]
    inputs: tuple[dict[str, Cell], ...]


@dataclass(frozen=True, eq=False)
class _Stored:
    place: Place
    row: dict[str, Cell]
    epochs: Rows
    spec: Spec
    trial: Trial | None
    key: str  # of the repetition: another than the stored one where data, row or numerics are not those any more


def drawn(folder: Path, count: int, seed: int) -> list[Place]:
    """Return `count` trials of a results folder, drawn at random, in the order of the folder; all where it has fewer.

    Raises:
        DataError: where there are no results.
    """
    keys = list(read_keys(folder / TRIALS_FILE))
    if not keys:
        raise DataError(f"no results in {folder}: it has no trial to verify")
    chosen = set(Random(seed).sample(keys, min(count, len(keys))))
    return [Place(folder, key) for key in keys if key in chosen]


def again(
    places: Sequence[Place],
    options: RunOptions,
    screen: AbstractContextManager[Callback],
    stop: Stop,
    data: Mapping[str, str],
) -> list[Again]:
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
    told: dict[int, Again] = {}
    with screen as callback:
        for asked, group in _alike(stored, options):
            with TemporaryDirectory(prefix="mlpctl-verify-") as folder, Store(Path(folder)) as store:
                run([[stored[number].spec for number in group]], store, asked, callback, stop)
                told |= {number: _compare(stored[number], Path(folder)) for number in group}
    return [told[number] for number in range(len(stored))]


def _read(place: Place, data: Mapping[str, str]) -> _Stored:
    row, epochs = stored_rows(place.folder, place.key)
    spec = Spec.from_flat(row).with_data(data)
    trial, impossible = identify(spec)
    return _Stored(place, row, epochs, spec, trial, str(impossible["key"]) if trial is None else trial.key)


def _alike(stored: Sequence[_Stored], options: RunOptions) -> Iterator[tuple[RunOptions, list[int]]]:
    """Yield (how to run, numbers of the trials) for trials that can be trained in one run."""
    asked = {number: _asked(one, options) for number, one in enumerate(stored)}
    order = sorted(asked, key=lambda number: repr(asked[number]))
    for _, numbers in groupby(order, key=lambda number: repr(asked[number])):
        group = list(numbers)
        keys = {stored[number].key for number in group}
        if len(keys) == len(group):
            yield asked[group[0]], group
        else:  # the same trial twice, from two folders
            yield from ((asked[number], [number]) for number in group)


def _asked(one: _Stored, options: RunOptions) -> RunOptions:
    precision = one.row.get("used_precision")
    same: Precision = precision if precision in ("tf32", "bf16") else "fp32"  # type: ignore[assignment]
    asked = replace(
        options,
        engine=options.engine if options.engine != "auto" else str(one.row.get("used_engine") or "auto"),
        device=options.device if options.device != "auto" else str(one.row.get("used_device") or "auto"),
        threads=int(one.row.get("threads") or 1),
        precision=same if options.engine in ("auto", "lanes") else "fp32",
        fit_each=any(name.startswith("fit_") and row[name] is not None for row in one.epochs for name in row),
        test_each=any(name.startswith("test_") and row[name] is not None for row in one.epochs[:-1] for name in row),
        failures_in_a_row=float("inf"),
    )
    if one.trial is None:
        return asked
    try:
        check_named(one.trial, asked)
    except DeviceError:
        if options.device != "auto":
            raise
        return replace(asked, engine=options.engine, device="cpu", precision="fp32")
    return asked


def _compare(one: _Stored, folder: Path) -> Again:
    now, epochs = stored_rows(folder, one.key)
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
    said = tuple(sorted(found.values(), key=lambda deviation: deviation.first))
    return Again(one.place, one.row, now, verdict(said, same_status=same), epsilon, said, _inputs(one, now))


def _scores(row: Mapping[str, Cell]) -> dict[str, Cell]:
    return {"epoch": row.get("epochs_done") or 0, **{name: row.get(name) for name in COMPARED if name != "lr"}}


def _arithmetic(*rows: Mapping[str, Cell]) -> str:
    """Return the coarsest arithmetic that rows were trained in."""
    used = [str(row[name]) for row in rows for name in ("dtype", "used_precision") if row.get(name) in EPSILON]
    return max(used, key=lambda name: EPSILON[name], default="float32")


def _examples(trial: Trial | None) -> dict[str, int]:
    if trial is None:
        return {}
    parts = trial.work().data.parts
    return {
        "train": len(parts["train"]),
        "fit": len(parts["train"]),
        "val": len(parts["val"]),
        "test": len(parts["test"]),
    }


def _inputs(one: _Stored, now: Mapping[str, Cell]) -> tuple[dict[str, Cell], ...]:
    found: Rows = []
    if edited({name: "" if cell is None else _text(cell) for name, cell in one.row.items()}):
        found.append({"what": "spec", "recorded": f"that of {one.place.key}", "now": "its cells were changed"})
    if one.row.get("digest") != now.get("digest"):
        before, after = (None if row.get("digest") is None else str(row["digest"]) for row in (one.row, now))
        found.append({"what": "dataset digest", "recorded": before, "now": after})
    content = read_json(one.place.folder / ENVIRONMENT_FILE)
    here: dict[str, Any] = {**flat(environment()), **of_row(now)}
    return (*found, *differing(of_trial(content, one.row), here, sides=SIDES))


def _text(cell: Cell) -> str:
    return repr(cell) if isinstance(cell, float) else str(cell)

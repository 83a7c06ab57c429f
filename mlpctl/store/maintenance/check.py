"""Check a results folder: every line, every trial, every file beside them. Writes nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from mlpctl.display.tables import Cell, Table
from mlpctl.errors import DataError
from mlpctl.metrics import METRICS
from mlpctl.store import reader
from mlpctl.store.csv_lines import COLUMNS_BY_FILE, CsvLine, header_of, is_ours, scan
from mlpctl.store.environment import environments_of
from mlpctl.store.experiment_keys import keys_problem
from mlpctl.store.folder_files import read_experiment, read_json
from mlpctl.store.key import key_problem
from mlpctl.store.repair_rows import ends_whole
from mlpctl.store.schema import (
    ENVIRONMENT_FILE,
    EPOCH_COLUMNS,
    EPOCHS_FILE,
    EXPERIMENT_FILE,
    KEYS_FILE,
    TRIALS_FILE,
    WEIGHTS_FOLDER,
)
from mlpctl.store.weights import digest_of_weights, read_weights
from mlpctl.system.files import left_over

REPEATED_SCORES = [name for name in EPOCH_COLUMNS if name.endswith(METRICS)]
"""Columns that are equal in the row of a trial and in the row of its last epoch."""


NEEDED = ("status", "epochs_done", "best_epoch", "environment", "weights_digest", *REPEATED_SCORES)
"""Columns of a trial that are held against other files."""


@dataclass(frozen=True)
class FolderProblem:
    """Problem of a results folder.

    Attributes:
        file: name of the file.
        what: problem in words.
        line: line of the file, where it is one line; `repair` takes it out.
    """

    file: str
    what: str
    line: CsvLine | None = None


@dataclass
class Contents:
    """Contents of a results folder.

    Attributes:
        problems: problems of its files.
        trials: key -> the line of the row that counts, of whole rows.
        replaced: number of rows that a later row of the same trial replaces.
        orphans: number of rows of epochs whose trial has no row: it was killed, and runs again.
    """

    problems: list[FolderProblem] = field(default_factory=list)
    trials: dict[str, CsvLine] = field(default_factory=dict)
    replaced: int = 0
    orphans: int = 0


def check(folder: Path) -> Table:
    """Return a row per problem of a results folder, with notes.

    Raises:
        DataError: where there are no results at all, or those of a newer mlpctl.
    """
    found = check_contents(folder)
    rows: list[dict[str, Cell]] = [
        {"file": p.file, "line": None if p.line is None else p.line.number, "problem": p.what} for p in found.problems
    ]
    notes = [f"{folder}: {len(found.trials):,} trials, {len(rows)} problems"]
    if found.replaced:
        notes.append(f"{found.replaced} rows of trials that were run again later: the last counts")
    if found.orphans:
        notes.append(f"{found.orphans} rows of epochs without a trial, which was killed: it runs again")
    if lost := _without_environment(folder, found):
        notes.append(f"{lost} trials name an environment that {ENVIRONMENT_FILE} does not have any more")
    if rows:
        notes.append(f"`mlpctl results repair {folder}` mends what can be mended")
    return Table(["file", "line", "problem"] if rows else [], rows, str(folder), notes)


def _without_environment(folder: Path, found: Contents) -> int:
    try:
        known = {"", *environments_of(read_json(folder / ENVIRONMENT_FILE))}
    except DataError:
        known = {""}
    return sum(line.row["environment"] not in known for line in found.trials.values())


def check_contents(folder: Path) -> Contents:
    """Return the contents of a results folder, every line of it checked.

    Raises:
        DataError: where there are no results at all, or those of a newer mlpctl.
    """
    reader.check_there(folder)
    found = Contents()
    for name in COLUMNS_BY_FILE:
        found.problems += (
            FolderProblem(name, what) for what in frame_problems(folder / name, list(COLUMNS_BY_FILE[name]))
        )
    if any(problem.what == FOREIGN for problem in found.problems):
        return found
    for line in scan(folder / TRIALS_FILE):
        if problem := line.problem or key_problem(line.row):
            found.problems.append(FolderProblem(TRIALS_FILE, problem, line))
        else:
            found.replaced += line.row["key"] in found.trials
            needed = {name: line.row.get(name, "") for name in NEEDED}  # of 100,000 trials not every cell
            found.trials[line.row["key"]] = replace(line, row=needed)
    _look_at_epochs(folder / EPOCHS_FILE, found)
    found.problems += _others(folder)
    if problem := keys_problem(folder):
        found.problems.append(FolderProblem(KEYS_FILE, problem))
    found.problems += _weights_problems(folder, found)
    return found


FOREIGN = "not a file of mlpctl: its first line names no columns key and schema_version"


def frame_problems(path: Path, columns: list[str]) -> Iterator[str]:
    """Yield the problems of a file but for its rows."""
    if not path.is_file():
        yield "the file is missing"
        return
    try:
        with path.open("rb") as stream:
            first = stream.readline()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    header = header_of(first)
    if not first:
        yield "the file is empty"
    elif not is_ours(header):
        yield FOREIGN
    else:
        if missing := [name for name in columns if name not in header]:
            yield f"columns are missing, as in files of an older mlpctl: {', '.join(missing)}"
        if further := [name for name in header if name not in columns]:
            yield f"columns that are not mlpctl's: {', '.join(further)}"
        if first.endswith(b"\r\n") or first.startswith(b"\xef\xbb\xbf"):
            yield "line ends or byte-order mark of a spreadsheet"
        elif header != columns and not missing and not further:
            yield "the columns are in another order"
    if first and not ends_whole(path):
        yield "the last row was not written to its end"


def _look_at_epochs(path: Path, found: Contents) -> None:
    seen: dict[str, set[int]] = {}
    differing: dict[str, str] = {}
    for line in scan(path):
        if line.problem:
            found.problems.append(FolderProblem(EPOCHS_FILE, line.problem, line))
        elif line.row["key"] in found.trials:
            key, epoch = line.row["key"], line.row["epoch"]
            seen.setdefault(key, set()).add(int(epoch or 0))
            trial = found.trials[key].row
            if epoch == (trial.get("best_epoch") or trial["epochs_done"]):
                told = (name for name in REPEATED_SCORES if name in line.row and line.row[name] != trial[name])
                differing[key] = ", ".join(f"{name} {trial[name]} and not {line.row[name]}" for name in told)
        else:
            found.orphans += 1
    for key, line in found.trials.items():
        done = int(line.row.get("epochs_done") or 0)
        if not _is_complete(seen.get(key, set()), done):
            what = f"trial {key} has {done} epochs, and {EPOCHS_FILE} does not have all of them"
            found.problems.append(FolderProblem(TRIALS_FILE, what, line))
        elif differing.get(key):
            what = f"trial {key} has another score than its row in {EPOCHS_FILE}: {differing[key]}"
            found.problems.append(FolderProblem(TRIALS_FILE, what, line))


def _is_complete(epochs: set[int], done: int) -> bool:
    """Return whether some epochs are 1 to `done`; 0, that of a trial of no epochs, apart."""
    epochs = epochs - {0}
    return len(epochs) == done and max(epochs, default=0) == done


def _others(folder: Path) -> Iterator[FolderProblem]:
    for name, read in ((EXPERIMENT_FILE, read_experiment), (ENVIRONMENT_FILE, read_json)):
        try:
            read(folder / name)
        except DataError as error:
            yield FolderProblem(name, str(error))
    for path in sorted(left_over(folder)):
        yield FolderProblem(str(path.relative_to(folder)), "left over by a writer that was killed")


def _weights_problems(folder: Path, found: Contents) -> Iterator[FolderProblem]:
    """Yield what is wrong with the files of weights: their trials know their digests, where this version wrote them."""
    weights = folder / WEIGHTS_FOLDER
    for key, line in found.trials.items():
        path = weights / f"{key}.safetensors"
        digest, name = line.row["weights_digest"], str(path.relative_to(folder))
        if digest and not path.is_file():
            yield FolderProblem(TRIALS_FILE, f"the weights of trial {key} are missing", line)
        elif path.is_file():
            try:
                found_digest = digest_of_weights(read_weights(path))
            except DataError:
                yield FolderProblem(name, "weights that cannot be read")
            else:
                if digest and digest != found_digest:
                    yield FolderProblem(name, f"the weights are not those of trial {key}")

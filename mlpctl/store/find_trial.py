"""Find a trial of a results folder: RESULTS, RESULTS#KEY or the best one."""

from dataclasses import dataclass, replace
from pathlib import Path

from mlpctl.display.tables import as_chosen, for_people
from mlpctl.errors import DataError, UsageError
from mlpctl.store.schema import EXPERIMENT_FILE, TRIALS_FILE
from mlpctl.store.writer import Store, read_keys

SHOWN = 5
"""Keys that a message lists."""


@dataclass(frozen=True)
class Place:
    """A trial of a results folder.

    Attributes:
        folder: the results folder.
        key: of the trial.
        why: why this one, where the user named none of several; else "".
    """

    folder: Path
    key: str
    why: str = ""

    @property
    def file(self) -> Path:
        """Where the trial's weights are, or would be."""
        return Store(self.folder).weights_file(self.key)

    def __str__(self) -> str:
        """Return the place as a user writes it."""
        return f"{self.folder}#{self.key}"


def find(where: str, *, needed: bool = True, failed: bool = False) -> Place:
    """Return the trial that RESULTS or RESULTS#TRIAL names.

    Args:
        where: as the user wrote it; of several trials the best is taken, by the selection of the folder.
        needed: whether only a trial with saved weights will do.
        failed: whether a trial that did not end well will do too.

    Raises:
        DataError: where there are no results, or no weights.
        UsageError: for a key that fits no trial or several, or where nothing chooses among the trials.
    """
    name, _, prefix = where.partition("#")
    folder = Path(name)
    if not (folder / TRIALS_FILE).is_file():
        raise DataError(f"no results in {folder}: {TRIALS_FILE} is missing; `mlpctl train --save` writes it")
    good = [key for key, status in read_keys(folder / TRIALS_FILE).items() if failed or status == "ok"]
    keys = [key for key in good if key.startswith(prefix)]
    if not keys:
        known = f"some are {', '.join(good[:SHOWN])}" if good else "it has none that ended well"
        raise UsageError(f"{folder} has no trial {prefix or 'to take'}: {known}")
    if prefix and len(keys) > 1:
        raise UsageError(f"{where} fits {len(keys)} trials, give more of the key: {', '.join(keys[:SHOWN])}")
    saved = [key for key in keys if Place(folder, key).file.is_file()]
    if needed and not saved:
        raise DataError(
            f"{where} has no saved weights: the command that made it keeps them with --save, "
            f"`mlpctl sweep {folder / EXPERIMENT_FILE} --save{_out(folder)}`"
        )
    return _best(folder, saved or keys)


def _out(folder: Path) -> str:
    return "" if folder.parent == Path("results") else f" --out {folder.parent}"


def _best(folder: Path, keys: list[str]) -> Place:
    if len(keys) == 1:
        return Place(folder, keys[0])
    from mlpctl.report.comparable import with_options
    from mlpctl.report.summary import summarize, varied_fields
    from mlpctl.report.tables import rows_of
    from mlpctl.store.columns import distinct, is_in
    from mlpctl.store.results import load

    results = load(folder)
    results = replace(results, rows=results.rows.rows(is_in(results.rows["key"], keys)))
    try:
        summaries = summarize(results)
    except UsageError:
        summaries = []  # the part that would choose was not scored
    best = summaries[0].best if len(summaries) == 1 else None
    if best is None:
        trials = with_options(results.rows)
        varied = [*varied_fields(trials), *(["seed"] if len(distinct(trials["seed"])) > 1 else [])]
        told = [
            f"{row['key']} ({', '.join(f'{name} {as_chosen(row[name])}' for name in varied if row[name] is not None)})"
            for row in rows_of(trials)
        ]
        raise UsageError(
            f"{folder} has {len(keys)} trials and nothing that chooses among them: name one as {folder}#KEY, of "
            f"{', '.join(told[:SHOWN])}{', …' if len(keys) > SHOWN else ''}"
        )
    summary = summaries[0]
    seeds = summary.trials[summary.trials["config"] == best["config"]].dropna(subset=summary.column)
    seeds = seeds.sort_values(summary.column, ascending=summary.better == "low", kind="stable")
    chosen = seeds.iloc[0]
    by = f"{summary.on} {summary.metric}, {for_people(float(chosen[summary.column]))}"
    also = f" (of the {len(seeds)} seeds of the best configuration)" if len(seeds) > 1 else ""
    why = f"the best of {len(keys)} trials by {by}{also}; {folder}#KEY takes another"
    return Place(folder, str(chosen["key"]), why)

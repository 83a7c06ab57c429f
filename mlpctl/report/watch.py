"""Reports that follow a sweep in another process: read only, again whenever the files have changed."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from mlpctl.errors import UsageError
from mlpctl.runner.failure_policy import REDONE
from mlpctl.store import reader
from mlpctl.store.experiment_keys import own_keys
from mlpctl.store.schema import EPOCHS_FILE, EXPERIMENT_FILE, TRIALS_FILE

SECONDS_BETWEEN_LOOKS = 0.5


def table_versions(folders: Sequence[Path]) -> tuple[tuple[int, int] | None, ...]:
    """Return (time of the last change, bytes) of every table in some folders; None for one that is not there yet."""
    paths = [folder / name for folder in folders for name in (TRIALS_FILE, EPOCHS_FILE)]
    stats = (path.stat() if path.is_file() else None for path in paths)
    return tuple(None if stat is None else (stat.st_mtime_ns, stat.st_size) for stat in stats)


def changes(folders: Sequence[Path], wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Yield once when there is anything to read, and again after every change of it; never ends by itself.

    Args:
        folders: results folders, which may not be there yet.
        wait: called between two looks; by default it sleeps.
    """
    seen: object = None
    while True:
        now = table_versions(folders)
        if now != seen and any(now):
            seen = now
            yield
        else:
            (wait or _sleep)()


def trials_finished(folders: Sequence[Path]) -> tuple[int, int | None]:
    """Return how many trials need not run again, and how many their experiments have; None where nothing says it."""
    statuses = [
        status
        for folder in folders
        for own in [own_keys(folder)]
        for key, status in reader.keys(folder).items()
        if own is None or key in own
    ]
    wanted = [expected_trials(folder) for folder in folders]
    return sum(status not in REDONE for status in statuses), None if None in wanted else sum(n or 0 for n in wanted)


def standing(folders: Sequence[Path]) -> str:
    """Return how many trials are done, of how many, in words."""
    done, wanted = trials_finished(folders)
    return f"{done:,} trials" if wanted is None else f"{done:,} of {wanted:,} trials"


def expected_trials(folder: Path) -> int | None:
    """Return how many trials the experiment of a results folder has, about; None where nothing says it."""
    from mlpctl.runner.experiment_file import read_experiment
    from mlpctl.runner.sweep import trial_count

    if not (folder / EXPERIMENT_FILE).is_file():
        return None
    try:
        return trial_count(read_experiment(folder / EXPERIMENT_FILE))
    except UsageError:  # of a search that is not installed here, or of another version
        return None


def _sleep() -> None:
    time.sleep(SECONDS_BETWEEN_LOOKS)

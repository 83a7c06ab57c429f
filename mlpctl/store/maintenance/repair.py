"""Mend a results folder as far as it can be mended: what is lost runs again with the command that made it."""

from pathlib import Path

from mlpctl.store.csv_lines import COLUMNS_BY_FILE
from mlpctl.store.maintenance.check import check_contents
from mlpctl.store.repair_rows import remove_lines
from mlpctl.store.schema import ENVIRONMENT_FILE, EXPERIMENT_FILE, KEYS_FILE
from mlpctl.store.writer import Store
from mlpctl.system.files import left_over


def repair(folder: Path) -> list[str]:
    """Mend a results folder and return what was done, a line each; nothing if it was well.

    Raises:
        DataError: where there are no results, or those of something else or of a newer mlpctl.
        UsageError: if the folder is being written.
    """
    check_contents(folder)  # says that there are no results, before a folder is made for them
    done = [f"{path.relative_to(folder)}: removed, a writer that was killed had left it" for path in left_over(folder)]
    with Store(folder) as store:
        done += store.repairs
        while now := _mend(folder):  # a trial whose weights are removed has to run again, so its row goes next
            done += now
    return done


def _mend(folder: Path) -> list[str]:
    """Take out of a folder what is damaged, as far as it can be seen now; return what was done, a line each."""
    done, problems = list[str](), check_contents(folder).problems
    for name in COLUMNS_BY_FILE:
        found = [p.line for p in problems if p.file == name and p.line is not None and not p.line.is_newer]
        lines = {line.number: line for line in found}
        done += remove_lines(folder / name, list(lines.values()))
    for problem in problems:
        path = folder / problem.file
        if problem.line is None and problem.file not in COLUMNS_BY_FILE and path.is_file():
            path.unlink()
            again = problem.file in (EXPERIMENT_FILE, ENVIRONMENT_FILE, KEYS_FILE)
            told = "; the sweep writes it again" if again else ""
            done.append(f"{problem.file}: removed ({problem.what}){told}")
    return done

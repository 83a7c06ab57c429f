"""Find the experiment files that come with mlpctl, by name: beside the installed package, or in the checkout."""

import tomllib
from pathlib import Path

from mlpctl.errors import DataError
from mlpctl.store.schema import TRIALS_FILE


def experiments_folder() -> Path:
    """Return the folder of the experiment files.

    Raises:
        DataError: if it is missing.
    """
    package = Path(__file__).parent.parent
    places = [package / "experiments", package.parent / "experiments"]
    for place in places:
        if place.is_dir():
            return place
    raise DataError(f"{places[0]} is missing: install mlpctl again, or run it from a checkout")


def experiment_names() -> list[str]:
    """Return the names of the experiments that come with mlpctl."""
    return sorted(path.stem for path in experiments_folder().glob("*.toml"))


def find_experiment(given: Path) -> Path:
    """Return the experiment file of the name, if one comes with mlpctl; else the path that was given.

    A file of the user's goes first, whatever it is called; a folder is no experiment and does not count.
    """
    if given.suffix == ".toml" or len(given.parts) != 1 or given.is_file():
        return given
    shipped = experiments_folder() / f"{given}.toml"
    return shipped if shipped.is_file() else given


def experiment_or_results(given: str) -> str:
    """Return what `find_experiment` does, but leave results folders and stored trials as they are given."""
    is_stored = "#" in given or (Path(given) / TRIALS_FILE).is_file()
    return given if is_stored else str(find_experiment(Path(given)))


def experiments_with(table: str) -> list[Path]:
    """Return the files that have a table, by name.

    Raises:
        DataError: if the experiment files are missing.
    """
    files = sorted(experiments_folder().glob("*.toml"))
    return [path for path in files if table in tomllib.loads(path.read_text("utf-8"))]

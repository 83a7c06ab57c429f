"""Find the experiment files that come with mlpctl: in the checkout, or beside the installed package."""

import tomllib
from pathlib import Path

from mlpctl.errors import DataError


def experiments_folder() -> Path:
    """Return the folder of the experiment files.

    Raises:
        DataError: if it is missing.
    """
    package = Path(__file__).parent
    places = [package.parent / "experiments", package / "experiments"]
    for place in places:
        if place.is_dir():
            return place
    raise DataError(f"{places[0]} is missing: install mlpctl again, or run it from a checkout")


def experiments_with(table: str) -> list[Path]:
    """Return the files that have a table, by name.

    Raises:
        DataError: if the experiment files are missing.
    """
    files = sorted(experiments_folder().glob("*.toml"))
    return [path for path in files if table in tomllib.loads(path.read_text("utf-8"))]

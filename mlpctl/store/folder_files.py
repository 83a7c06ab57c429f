"""Read the TOML and JSON files of a results folder: its experiment and its environment."""

import json
from pathlib import Path
from typing import Any

from mlpctl.errors import DataError


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a TOML file says; {} if there is none.

    Raises:
        DataError: if it cannot be read.
    """
    import tomllib  # 2 ms

    try:
        return tomllib.loads(path.read_text("utf-8")) if path.is_file() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}; the sweep that wrote the folder writes it again") from error


def read_json(path: Path) -> dict[str, Any]:
    """Return the object of a JSON file; {} if there is none.

    Raises:
        DataError: if it cannot be read.
    """
    try:
        return dict(json.loads(path.read_text("utf-8"))) if path.is_file() else {}
    except (ValueError, TypeError) as error:  # what is no JSON, no UTF-8 or no object
        raise DataError(f"{path} cannot be read: {error}; the sweep that wrote the folder writes it again") from error

"""Run a command of mlpctl in a test, and read what it wrote."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Result:
    """Result of a command: its exit code and output."""

    code: int
    out: str
    err: str


Cli = Callable[..., Result]


def trial_rows(name: str) -> dict[str, dict[str, str]]:
    """Return the rows of a results folder's trials by key."""
    with Path("results", name, "trials.csv").open(encoding="utf-8", newline="") as stream:
        return {row["key"]: row for row in csv.DictReader(stream)}

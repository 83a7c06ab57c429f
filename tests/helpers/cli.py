"""Run a command of mlpctl in a test: what it returns."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Result:
    """What a command left: its exit code and what it printed."""

    code: int
    out: str
    err: str


Cli = Callable[..., Result]

"""Decide by failures: alike failures, and how many of them end a run."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

REDONE = ("interrupted",)
"""Statuses of trials that run again by themselves."""

RETRIED = ("out_of_memory", "timeout", "crashed")
"""Statuses that may turn out otherwise: they run again where the user asks; diverged and invalid never would."""

UNTRAINED_STATUSES = ("invalid", "interrupted")
"""Statuses that cost no training, so that any number of them is let pass: a grid may have a corner of such cells."""

IN_A_ROW = 20
"""So many trials that end alike, one after the other, say that the next one will too."""


def alike(status: str, error: str) -> str:
    """Return what failures of one kind share: numbers in their messages (an epoch, some bytes) do not count."""
    return f"{status}: {re.sub(r'[0-9]+([.,][0-9]+)*', '#', error)}"


@dataclass
class FailurePolicy:
    """Counts failures as their rows come, and says when they end a run.

    Attributes:
        most: alike ones in a row that end a run; infinite for none.
        any_failure: the first failure of whatever kind ends it.
    """

    most: float = IN_A_ROW
    any_failure: bool = False
    _last: str = ""
    _count: int = 0

    def over(self, row: Mapping[str, Any]) -> str:
        """Return why a run should end after a trial's row; "" if it should go on."""
        status, error = str(row["status"]), str(row.get("error") or "")
        if status == "ok":
            self._last, self._count = "", 0
            return ""
        if self.any_failure and status != "interrupted":
            return f"stopped at the first failure, as --fail-fast says: {_told(status, error)}"
        if status in UNTRAINED_STATUSES:
            return ""
        kind = alike(status, error)
        self._count = self._count + 1 if kind == self._last else 1
        self._last = kind
        if self._count < self.most:
            return ""
        return (
            f"stopped after {self._count} trials in a row that failed alike: {_told(status, error)}; the same command "
            "goes on behind them, --keep-going never stops"
        )


def _told(status: str, error: str) -> str:
    return f"{status.replace('_', ' ')}{f' ({error})' if error else ''}"

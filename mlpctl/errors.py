"""Define the errors that a user can mend, and the exit codes of the command line.

Exit codes: 0 done, 1 a bug of ours, 2 usage or invalid experiment, 3 some trials failed, 4 data missing or corrupt, 5
device not there, 6 a check failed, 7 budget used up (the same command goes on), 130 interrupted. An error class has its
own; `mlpctl.cli.main` ends with it.

A message is one line: the rule, the value given and its origin, and a command to type next. The command line prints
it as it is, and a traceback only with MLPCTL_DEBUG=1.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from re import split

LONGEST_PROBLEM = 1000
"""Characters of a problem in a message; what quotes a cell of megabytes is cut."""


def one_line(text: str) -> str:
    """Return a text in one line without control characters: files and paths may hold what moves a terminal's cursor."""
    return "".join(sign if sign.isprintable() else " " if sign.isspace() else "?" for sign in text)


def _problem(text: str) -> str:
    text = "\n".join(map(one_line, split(r"\n(?=  )", text)))  # lines that are indented are our own
    return text if len(text) <= LONGEST_PROBLEM else f"{text[:LONGEST_PROBLEM]}…"


class MlpctlError(Exception):
    """Base of all errors whose message is meant for the user."""

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        """Keep the message in one line of printable characters."""
        super().__init__(_problem(message))


class UsageError(MlpctlError):
    """Impossible request of the command line, an experiment file or a spec."""

    exit_code = 2

    def __init__(self, problems: str | Sequence[str]) -> None:
        """Keep every problem, so that a file with five mistakes is mended in one go."""
        self.problems = tuple(_problem(each) for each in ([problems] if isinstance(problems, str) else problems))
        Exception.__init__(self, "; ".join(self.problems))


class TrialsFailed(MlpctlError):
    """End of a run in which some trials failed."""

    exit_code = 3


class DataError(MlpctlError):
    """Dataset or results folder that is missing, unreadable or not as it should be."""

    exit_code = 4


class DeviceError(MlpctlError):
    """Device that is not there."""

    exit_code = 5


class CheckFailed(MlpctlError):
    """Check that failed."""

    exit_code = 6


class BudgetUsed(MlpctlError):
    """Budget that is used up; the same command goes on from here."""

    exit_code = 7


class Interrupted(MlpctlError):
    """Ctrl-C of the user; finished trials are saved."""

    exit_code = 130


MOST_NAMES = 40
"""Names that a message lists; more are a page that nobody reads."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint for a mistyped name: the closest known one, or those there are when none is close.

    A name that is a part of a known one, or has it as a part, is closer than what shares some letters with it.
    """
    known = list(known)
    word = name.lower()
    parts = [one for one in known if min(len(one), len(word)) > 2 and (word in one or one in word)]
    close = parts if len(parts) == 1 else get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    more = f" and {len(known) - MOST_NAMES} more" if len(known) > MOST_NAMES else ""
    return f"known: {', '.join(known[:MOST_NAMES]) or 'none at all'}{more}"

"""Turn whatever a parser of somebody else's file raises into one error that names the file.

Parsers raise what their authors did not think of: of a damaged or hostile file nearly anything may come. Each of them
is called within `parsing`, and nothing else catches all errors.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from mlpctl.errors import DataError, MlpctlError, one_line

LONGEST_REASON = 300
"""Characters of a parser's own words; some quote the file."""


@contextmanager
def parsing(
    path: Path | str, kind: str, raised: Callable[[str], MlpctlError] = DataError, advice: str = ""
) -> Iterator[None]:
    """Turn the errors of a parser into one.

    Args:
        path: file that is read, or its name in messages.
        kind: what it should be, as in "an image": "cannot be read as an image".
        raised: class of the error: DataError, or UsageError for what the user wrote.
        advice: what to do then, in words.

    Raises:
        MlpctlError: one of `raised`, with the file and the reason in one line; an error of ours as it is.
    """
    try:
        yield
        return
    except MlpctlError:
        raise
    except Exception as error:  # noqa: BLE001  the one boundary around parsers
        cause = error
    problem = f"{path} cannot be read as {kind}: {reason_of(cause)}"
    if isinstance(cause, OSError) and cause.strerror:  # else it is a library's own, such as gzip's
        problem = f"cannot read {path}: {cause.strerror}"
    raise raised(f"{problem}; {advice}" if advice else problem) from cause


def reason_of(error: Exception) -> str:
    """Return why a parser failed, in one line of printable characters."""
    if isinstance(error, MemoryError):
        return "it needs more memory than there is"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    text = one_line(" ".join(str(error).split())) or type(error).__name__
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]}…"


def check_memory(path: Path | str, needed: int) -> None:
    """Check that there is memory for what a file says that it holds.

    Raises:
        DataError: if there is not.
    """
    import psutil

    free = int(psutil.virtual_memory().available)
    if needed > free:
        told, there = (f"{count / 2**30:,.1f} GiB" for count in (needed, free))
        raise DataError(f"{path} holds {told}, and {there} of memory are free: take a part of it")


def short_lines(stream: TextIO, longest: int) -> Iterator[str]:
    """Yield the lines of a text; memory stays flat however long a line is.

    Raises:
        ValueError: for a line of more characters.
    """
    while line := stream.readline(longest + 1):
        if len(line) > longest:
            raise ValueError(f"a line has more than {longest:,} characters")
        yield line

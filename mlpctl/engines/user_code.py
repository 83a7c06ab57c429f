"""Tell where in the user's own code an error was raised."""

import inspect
import traceback
from collections.abc import Callable
from typing import Any


def own_file(thing: Callable[..., Any] | None) -> str:
    """Return the file in which a function or class is written; "" where that is not known."""
    try:
        return "" if thing is None else inspect.getsourcefile(thing) or ""
    except TypeError:
        return ""


def user_line(error: BaseException, file: str) -> str:
    """Return the line of a file in which an error was raised, in words; "" where it was raised elsewhere."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f" (line {frames[-1].lineno}: {frames[-1].line})" if frames and frames[-1].line else ""

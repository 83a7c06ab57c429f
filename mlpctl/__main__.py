"""The program: `mlpctl`, and `python -m mlpctl`. What is done here is done to a whole process."""

import atexit
import gc
import os
import sys
from contextlib import suppress
from typing import NoReturn

from mlpctl.kept_code import keep_dataclass_methods

OBJECTS = 200_000
"""New objects after which garbage is looked for. Python's own 700 cost 25 ms, since imports make 80,000 that stay."""


def program() -> NoReturn:
    """Run the command line, and end the process without freeing object by object what it holds: 25 of 350 ms.

    Threads have ended by then, and everybody else's last functions have run: what is registered first is called last.
    """
    gc.set_threshold(OBJECTS)
    kept = keep_dataclass_methods()
    codes: list[int] = []

    def leave() -> None:
        kept.save()
        if codes:
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError, ValueError):  # `main` has told of what cannot be written
                    stream.flush()
            os._exit(codes[0])
        gc.freeze()  # an error of ours: Python ends as ever, but does not look through everything for garbage

    atexit.register(leave)
    from mlpctl.cli import main

    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, int):
            codes.append(end.code)
        raise


if __name__ == "__main__":
    program()

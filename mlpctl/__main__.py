"""The program: `mlpctl`, and `python -m mlpctl`. What is set here is set for a whole process."""

import gc
import os
import sys
from typing import NoReturn

OBJECTS = 200_000
"""New objects after which garbage is looked for. Python's own 700 cost 40 ms: imports make 80,000 that stay."""


def program() -> NoReturn:
    """Run the command line."""
    gc.set_threshold(OBJECTS)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's; others would spin for 30 ms on cores that we need
    try:
        from mlpctl.cli import main

        main()
    except KeyboardInterrupt:  # while that was imported
        sys.exit(130)
    finally:
        gc.freeze()  # or Python would look through all that is imported once more, at its end: 25 ms


if __name__ == "__main__":
    program()

"""What `train` and `sweep` do before they import anything else."""

import os
from importlib import import_module

from mlpctl.machine import ask_ahead

OPENBLAS = "OPENBLAS_NUM_THREADS"


def begin() -> None:
    """Ask other programs for what `environment.json` will tell, and import numpy with one thread of its BLAS.

    Others begin with spinning for 25 ms on cores that we need. Nothing has use for them here: the reference engine sets
    their number, and the kernel has no BLAS.
    """
    ask_ahead()
    is_given = OPENBLAS in os.environ
    os.environ.setdefault(OPENBLAS, "1")
    import_module("numpy")
    if not is_given:
        del os.environ[OPENBLAS]  # other processes decide for themselves

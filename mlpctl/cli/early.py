"""What `train` and `sweep` begin before they import anything else, since it goes on beside their imports."""

import os
from importlib import import_module
from threading import Thread

from mlpctl.machine import ask_ahead

OPENBLAS = "OPENBLAS_NUM_THREADS"


def begin(engine: str | None) -> None:
    """Ask other programs for what `environment.json` will tell; import numpy, and what loads the kernel's code.

    Args:
        engine: that the user named, if any.
    """
    ask_ahead()
    if engine in (None, "auto", "kernel"):  # a library of 170 MB is mapped meanwhile: 10 ms
        Thread(target=import_module, args=("llvmlite.binding",)).start()
    _import_numpy()


def _import_numpy() -> None:
    """Import numpy with one thread of its BLAS: others begin with spinning for 25 ms, on cores that we need.

    Nothing has use for them here: the reference engine sets their number, and the kernel has no BLAS.
    """
    is_given = OPENBLAS in os.environ
    os.environ.setdefault(OPENBLAS, "1")
    import_module("numpy")
    if not is_given:
        del os.environ[OPENBLAS]  # other processes decide for themselves

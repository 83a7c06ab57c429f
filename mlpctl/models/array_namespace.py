"""One text for NumPy and torch: the functions that both have under the same name, by the kind of an array."""

from typing import Any

import numpy as np

Array = Any
"""A NumPy array or a torch tensor; what a function is given decides with which library it computes."""


def namespace_of(array: Array) -> Any:
    """Return the module numpy or torch, whichever the array is of."""
    if isinstance(array, np.ndarray):
        return np
    import torch

    return torch


def erf(x: Array) -> Array:
    """Return the error function of each element: torch has one, NumPy leaves it to SciPy."""
    if isinstance(x, np.ndarray):
        from scipy import special

        return special.erf(x)
    return namespace_of(x).erf(x)

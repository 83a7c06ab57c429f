"""Name the facts of textbooks that need no training: derivatives, printed random draws, the make-up of a network."""

from typing import TYPE_CHECKING

from mlpctl.errors import UsageError, did_you_mean
from mlpctl.textbook.bow_tutorial import DRAWS, draw
from mlpctl.textbook.derivatives import DERIVATIVES, derivative
from mlpctl.textbook.network_facts import NETWORK_FACTS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def fact(name: str) -> "NDArray[np.float64]":
    """Return the numbers of a fact, a row for each way of computing it (ways, numbers).

    Raises:
        UsageError: for an unknown name.
    """
    if name in DERIVATIVES:
        return derivative(name)
    if name in DRAWS:
        return draw(name)
    if name in NETWORK_FACTS:
        return NETWORK_FACTS[name]()
    known = (*DERIVATIVES, *DRAWS, *NETWORK_FACTS)
    raise UsageError(f"there is no fact '{name}'; {did_you_mean(name, known)}")

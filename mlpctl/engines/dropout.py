"""Draw the units that dropout keeps, alike for every engine."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlpctl.rng import words

if TYPE_CHECKING:
    from mlpctl.spec import Spec


def dropout_mask(spec: "Spec", epoch: int, step: int, layer: int, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which units (B, H) are kept in a step of an epoch (steps count from 0)."""
    assert spec.dropout is not None
    p = spec.dropout[layer] if isinstance(spec.dropout, tuple) else spec.dropout
    drawn = words(spec.data_key, "dropout", shape[0] * shape[1], epoch=epoch, layer=layer, extra=step)
    return (drawn >= int(p * 2**32)).reshape(shape)

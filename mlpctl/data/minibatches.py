"""Draw the order of the training examples in an epoch, alike for every engine."""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlpctl.rng import permutation

if TYPE_CHECKING:
    from mlpctl.spec import Spec


@lru_cache(maxsize=64)  # trials of one seed share their orders: at 60,000 rows an order costs 5 ms and 0.5 MB
def order(seed: int, epoch: int, n: int) -> NDArray[np.int64]:
    """Return the order (n,) that a seed draws for an epoch; epochs count from 1."""
    drawn = permutation(seed, "order", n, epoch=epoch)
    drawn.setflags(write=False)
    return drawn


def order_of(spec: "Spec", epoch: int, n: int) -> NDArray[np.int64]:
    """Return the order (n,) in which the training part is visited in an epoch: drawn, or that of the data."""
    return order(spec.data_key, epoch, n) if spec.shuffle else np.arange(n)


def used_examples(spec: "Spec", n: int) -> int:
    """Return the number of examples that an epoch uses of n.

    All of them; but where batch normalization would see a last minibatch of a single example, that one is left out
    (another one each epoch): a variance over one example does not exist, and torch refuses it.
    """
    assert isinstance(spec.batch_size, int)
    return n - 1 if spec.batch_norm and n % spec.batch_size == 1 and n > 1 else n


def steps_per_epoch(spec: "Spec", n: int) -> int:
    """Return the number of minibatches of an epoch, the last one smaller where n is no multiple."""
    assert isinstance(spec.batch_size, int)
    return -(-used_examples(spec, n) // spec.batch_size)

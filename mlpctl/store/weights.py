"""Read trained weights, and pin a place of weights to the hash of what is in it.

A place is written RESULTS (the best of its trials that have weights), RESULTS#TRIAL (the beginning of its key will
do) or FILE.safetensors. Pinned, as a resolved spec has it, `@` and the hash of the weights follow: the hash decides a
trial's key, so a moved file is the same start, and a changed one is another.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from mlpctl.data.base import digest_of
from mlpctl.errors import DataError
from mlpctl.store.key import split_pin
from mlpctl.system.parsing import check_memory, parsing

if TYPE_CHECKING:
    from mlpctl.store.find_trial import StoredTrial

Weights = dict[str, NDArray[Any]]
SUFFIX = ".safetensors"


def read_weights(path: Path) -> Weights:
    """Return the arrays of a safetensors file by name.

    Raises:
        DataError: if there is no such file, or it is damaged.
    """
    from safetensors.numpy import load

    with parsing(path, "safetensors"):
        check_memory(path, 2 * path.stat().st_size)
        return load(path.read_bytes())


def digest_of_weights(weights: Mapping[str, NDArray[Any]]) -> str:
    """Return the hash (16 hex digits) of names and contents, whatever else the file says."""
    return digest_of(*(part for name in sorted(weights) for part in (name, weights[name])))


@lru_cache(maxsize=64)  # a place means the same weights for all trials of a command, whatever it writes meanwhile
def pinned(where: str) -> str:
    """Return a place with the trial and the hash of its weights in it; what is pinned already stays as it is.

    Raises:
        DataError: where there are no weights.
        UsageError: for a trial that is not there.
    """
    if split_pin(where)[1]:
        return where
    if where.endswith(SUFFIX):
        return f"{where}@{digest_of_weights(read_weights(Path(where)))}"
    place = _find(where)
    return f"{place}@{digest_of_weights(read_weights(place.file))}"


@lru_cache(maxsize=8)  # an axis over seeds or over starts comes back to each of them
def weights_at(where: str) -> Weights:
    """Return the weights of a pinned place.

    Raises:
        DataError: if they are missing, or not those any more that were pinned.
    """
    place, digest = split_pin(pinned(where))
    weights = read_weights(Path(place) if place.endswith(SUFFIX) else _find(place).file)
    if digest_of_weights(weights) != digest:
        raise DataError(f"the weights of {place} have changed while they were in use: run the same command again")
    return weights


def _find(place: str) -> "StoredTrial":
    from mlpctl.store.find_trial import find  # 5 ms, with the reader of results

    return find(place)

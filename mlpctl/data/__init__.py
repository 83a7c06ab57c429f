"""Load datasets by name, read files of the user, split and scale. Nothing here knows of models or engines."""

from functools import lru_cache

from mlpctl.data.base import Dataset, Source, options_of
from mlpctl.registry import import_registered
from mlpctl.spec import Spec

__all__ = ["clear_cache", "load_dataset", "source_of"]


def source_of(name: str) -> Source:
    """Return the registered dataset called `name`."""
    source = import_registered("dataset", name)
    assert isinstance(source, Source)
    return source


def load_dataset(spec: Spec) -> Dataset:
    """Return the dataset of a spec; equal specs share one copy in memory.

    Raises:
        UsageError: for impossible options.
        DataError: where the data are missing or not what they should be.
    """
    return _load(spec.dataset, tuple(sorted((k, _hashable(v)) for k, v in spec.data.items())))


def clear_cache() -> None:
    """Drop the datasets in memory, so that files that have changed since are read again."""
    _load.cache_clear()


@lru_cache(maxsize=16)  # an axis over options of a dataset comes back to each of them with every seed
def _load(name: str, options: tuple[tuple[str, object], ...]) -> Dataset:
    source = source_of(name)
    return source.load(options_of(source, dict(options)))


def _hashable(value: object) -> object:
    return tuple(_hashable(item) for item in value) if isinstance(value, list | tuple) else value

"""Fetch, verify and locate the files of a dataset by its name: `mlpctl data fetch`, `verify` and `path`."""

from pathlib import Path
from typing import Any

from mlpctl.data import source_of
from mlpctl.data.base import options_of
from mlpctl.data.describe import needs_options
from mlpctl.data.fetching import fetch
from mlpctl.data.files import sha256_of
from mlpctl.errors import DataError, UsageError
from mlpctl.registry import names
from mlpctl.system.files import cache_folder


def datasets_named(name: str) -> list[str]:
    """Return the datasets that a name stands for; `all` stands for those that need no options.

    Raises:
        UsageError: for an unknown name.
    """
    if name != "all":
        source_of(name)
        return [name]
    return [known for known in names("dataset") if not needs_options(known)]


def fetch_dataset(name: str, folder: Path | None = None) -> list[str]:
    """Return a line per file of a dataset, each of which is now in the cache.

    Raises:
        DataError: if no source has a file; with a folder, if that has not.
        UsageError: for a folder and a dataset without files.
    """
    published = source_of(name).published
    if published is not None:
        return [f"{name}: {line}" for line in fetch(published, folder)]
    if folder is not None:
        raise UsageError(f"{name} has no files to fetch: leave --from out")
    return [f"{name}: nothing to fetch"]


def verify_dataset(name: str, options: dict[str, Any]) -> list[str]:
    """Return the sha256 of each file of a dataset, and what was loaded, after every check of it has passed.

    Raises:
        DataError: if it is missing or not what it should be; also where loading would pass a file over.
    """
    source = source_of(name)
    parsed = options_of(source, options)
    sums = source.published.sha256 if source.published else {}
    lines = []
    for place in source.locate(parsed) if source.locate else []:
        path = Path(place).expanduser()
        if path.is_file():
            found, published = sha256_of(path), sums.get(path.name.removesuffix(".gz"))
            if published not in (None, found):
                raise DataError(
                    f"{path} is altered or truncated: sha256 must be {published}, got {found}; replace it"
                    + (f": `mlpctl data fetch {name}`" if path.is_relative_to(cache_folder()) else "")
                )
            lines.append(f"{name}: {found}  {path}" + (" as published" if published else ""))
    dataset = source.load(parsed)
    examples = f"{dataset.X.shape[0]:,} examples"
    return [*lines, f"{name}: ok, {examples}, digest {dataset.digest}, source: {dataset.source}"]


def paths_of(name: str, options: dict[str, Any]) -> list[str]:
    """Return the places of the files of a dataset, present or not; the cache folder for datasets without files."""
    source = source_of(name)
    if source.locate is None:
        return [str(cache_folder())]
    return source.locate(options_of(source, options))

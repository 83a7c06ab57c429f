"""Fashion-MNIST: 70,000 grey pictures of clothes (Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747; MIT licence)."""

import os
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mlpctl.data.base import PATH, Dataset, Options, Source, digest_of
from mlpctl.data.files import cache_folder, gunzipped, keep, offline
from mlpctl.data.idx import IdxFile, read_idx
from mlpctl.errors import DataError, UsageError

FILES = (
    IdxFile(
        "train-images-idx3-ubyte",
        (60_000, 28, 28),
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    IdxFile(
        "train-labels-idx1-ubyte",
        (60_000,),
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    IdxFile(
        "t10k-images-idx3-ubyte",
        (10_000, 28, 28),
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    IdxFile(
        "t10k-labels-idx1-ubyte",
        (10_000,),
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
)

PUBLISHED = {file.name: file.sha256 for file in FILES}

CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip

DEBIAN = Path("/usr/share/datasets/fashion-mnist")

MIRRORS = (
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
    "https://fashion-mnist.s3.eu-central-1.amazonaws.com",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
)
"""Asked in this order for NAME.gz; whatever answers, only the published sha256 is believed."""

TIMEOUT = 20.0
"""Seconds without an answer after which a mirror is given up."""


class FashionOptions(Options):
    """Options of fashion-mnist."""

    folder: Path | None = Field(
        None,
        description="Folder with the four IDX files, .gz or not; nothing else is looked at.",
        json_schema_extra={**PATH},
    )
    examples: int | None = Field(
        None, ge=100, le=60_000, description="Use the first so many training pictures alone; the test set stays whole."
    )


def load(options: FashionOptions) -> Dataset:
    """Return the training (60,000, or the first `examples`) and then the 10,000 test pictures, X (N, 784) uint8.

    Raises:
        DataError: if no source has the files, or the user's folder has wrong ones.
    """
    X, labels = np.empty((70_000, 784), np.uint8), np.empty(70_000, np.uint8)
    parts = (X[:60_000], labels[:60_000], X[60_000:], labels[60_000:])
    used: dict[str, None] = {}
    passed_over: list[str] = []
    for file, part in zip(FILES, parts, strict=True):
        place, problems = read_from_best(file, part, options.folder)
        used[place.rpartition("/")[0]] = None
        passed_over += problems
    digest = [file.sha256 for file in FILES]
    if options.examples is not None and options.examples < 60_000:
        kept = np.r_[0 : options.examples, 60_000:70_000]
        X, labels = X[kept], labels[kept]
        digest.append(f"first {options.examples}")
    return Dataset(
        name="fashion-mnist",
        X=X,
        y=labels.astype(np.int32),
        task="classification",
        digest=digest_of(*digest),
        source=" and ".join(used) + "".join(f"; passed over {problem}" for problem in passed_over),
        classes=CLASSES,
        test_index=np.arange(len(X) - 10_000, len(X), dtype=np.int64),
        image_shape=(28, 28),
    )


def read_from_best(file: IdxFile, into: NDArray[np.uint8], folder: Path | None) -> tuple[str, list[str]]:
    """Fill `into` from the first source that has the right bytes; keep them in the cache.

    Returns:
        (where they were read, what was passed over and why)

    Raises:
        DataError: if no source has them; at once if a file in the user's folder is wrong.
    """
    problems: list[str] = []
    for place in places(file, folder):
        try:
            with _open(place) as stream, gunzipped(stream) as content:
                problem = read_idx(content, file, into)
        except (OSError, HTTPException) as error:
            problem = f"cannot be read: {str(error).strip('<>')}"
        if problem is None:
            cached = cache_path(file)
            if folder is None and place != str(cached):
                keep(cached, [file.header, into.data.cast("B")])
            return place, problems
        if folder is not None:
            raise DataError(f"{place}: {problem}; replace it, or leave out the option folder of fashion-mnist")
        problems.append(f"{place}: {problem}")
    raise DataError(_not_found(file, folder, problems))


def places(file: IdxFile, folder: Path | None = None) -> Iterator[str]:
    """Yield the paths and URLs where a file may be read, the best first; paths only if a file is there."""
    here = [folder.expanduser()] if folder is not None else [cache_path(file).parent, DEBIAN]
    for place in here:
        for path in (place / file.name, place / f"{file.name}.gz"):
            if path.is_file():
                yield str(path)
    if folder is None and not offline():
        for mirror in mirrors():
            yield f"{mirror}/{file.name}.gz"


def cache_path(file: IdxFile) -> Path:
    """Return where a file is kept, gunzipped: reading it takes a tenth of the time of gunzipping it."""
    return cache_folder() / "fashion-mnist" / file.name


def mirrors() -> tuple[str, ...]:
    """Return the addresses below which NAME.gz is asked for: MLPCTL_MIRROR, else the public ones.

    Raises:
        UsageError: if MLPCTL_MIRROR is no web address.
    """
    given = os.environ.get("MLPCTL_MIRROR")
    if not given:
        return MIRRORS
    if not given.startswith(("https://", "http://")):
        raise UsageError(f"MLPCTL_MIRROR must begin with https:// or http://, got '{given}'")
    return (given.rstrip("/"),)


def _open(place: str) -> BinaryIO:
    if not place.startswith(("https://", "http://")):
        return Path(place).open("rb")
    from io import BytesIO
    from urllib.request import urlopen

    with urlopen(place, timeout=TIMEOUT) as answer:  # 26 MB at most, compressed
        return cast(BinaryIO, BytesIO(answer.read(64 << 20)))


def _not_found(file: IdxFile, folder: Path | None, problems: list[str]) -> str:
    if folder is not None:
        return f"folder {folder} must hold {file.name} or {file.name}.gz, and has neither: give the folder of the files"
    looked = [str(cache_path(file).parent), str(DEBIAN)]
    tried = [
        *(place for place in looked if not any(problem.startswith(place) for problem in problems)),
        *problems,
    ]
    if offline():
        tried.append("mirrors not asked (offline)")
    return (
        f"fashion-mnist: {file.name} not found; tried {'; '.join(tried)}. `apt-get install dataset-fashion-mnist` "
        "brings it, or give its folder: --data folder=FOLDER"
    )


def fetch() -> list[str]:
    """Return a line per file, each of which is now in the cache.

    Raises:
        DataError: if no source has a file, or the cache cannot be written.
    """
    lines = []
    for file in FILES:
        place, problems = read_from_best(file, np.empty(file.shape, np.uint8), None)
        path = cache_path(file)
        if not path.is_file():
            raise DataError(f"cannot write {path}: make the folder writable, or set MLPCTL_DATA_DIR to one that is")
        lines.append(f"{path}: " + ("already there" if place == str(path) else f"from {place}"))
        lines += [f"passed over {problem}" for problem in problems]
    return lines


def locate(options: FashionOptions) -> list[str]:
    """Return, for each file, the path or URL it would be read from."""
    return [next(places(file, options.folder), f"{file.name}: nowhere") for file in FILES]


FASHION_MNIST = Source(
    name="fashion-mnist",
    help="70,000 grey pictures (28×28) of clothes, ten classes; 10,000 are the official test set.",
    load=load,
    options=FashionOptions,
    task="classification",
    defaults={"model": "mlp", "scaling": "unit", "batch_size": 256, "epochs": 10},
    fetch=fetch,
    locate=locate,
)

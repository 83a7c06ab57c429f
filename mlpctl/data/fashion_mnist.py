"""Load fashion-mnist: 70,000 grey pictures of clothes (Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747; MIT licence)."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mlpctl.data.base import IS_PATH, Dataset, Options, Source, digest_of
from mlpctl.data.files import Published, gunzipped, keep, offline
from mlpctl.data.idx import IdxFile, read_idx
from mlpctl.errors import DataError

IDX_FILES = (
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

PUBLISHED = Published(
    "fashion-mnist",
    {file.name: file.sha256 for file in IDX_FILES},
    (
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
        "https://fashion-mnist.s3.eu-central-1.amazonaws.com",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
    ),
)

CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


class FashionOptions(Options):
    """Options of fashion-mnist."""

    folder: Path | None = Field(
        None,
        description="Folder with the four IDX files, .gz or not; nothing else is looked at.",
        json_schema_extra={**IS_PATH},
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
    for file, part in zip(IDX_FILES, parts, strict=True):
        path, problems = read_verified(file, part, options.folder)
        used[str(path.parent)] = None
        passed_over += problems
    digest = [file.sha256 for file in IDX_FILES]
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


def read_verified(file: IdxFile, into: NDArray[np.uint8], folder: Path | None) -> tuple[Path, list[str]]:
    """Fill `into` from the first place that has the right bytes, and keep them in the cache.

    Returns:
        (the file that was read, the problems of files passed over)

    Raises:
        DataError: if no source has them; at once if a file in the user's folder is wrong.
    """
    problems: list[str] = []
    for path in PUBLISHED.places(file.name, folder):
        problem = _problem_of(path, file, into)
        if problem is None:
            cached = PUBLISHED.cache / file.name
            if folder is None and path != cached:
                keep(cached, [file.header, into.data.cast("B")])
            return path, problems
        if folder is not None:
            raise DataError(f"{path}: {problem}; replace it, or leave out the option folder of fashion-mnist")
        problems.append(f"{path}: {problem}")
    if folder is not None:
        raise DataError(
            f"folder {folder} must hold {file.name} or {file.name}.gz, and has neither: give the folder of the files"
        )
    from mlpctl.data.fetching import fetch

    fetch(PUBLISHED)
    path = PUBLISHED.cache / file.name
    if problem := _problem_of(path, file, into):
        raise DataError(f"{path}: {problem}; it was right a moment ago: try again")
    return path, problems


def _problem_of(path: Path, file: IdxFile, into: NDArray[np.uint8]) -> str | None:
    try:
        with path.open("rb") as stream, gunzipped(stream) as content:
            return read_idx(content, file, into)
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def locate(options: FashionOptions) -> list[str]:
    """Return the path or address of each file."""
    address = "" if offline() else f"{PUBLISHED.addresses()[0]}/"
    return [
        str(next(PUBLISHED.places(name, options.folder), f"{address}{name}.gz" if address else f"{name}: nowhere"))
        for name in PUBLISHED.sha256
    ]


FASHION_MNIST = Source(
    name="fashion-mnist",
    help="70,000 grey pictures (28×28) of clothes, ten classes; 10,000 are the official test set.",
    load=load,
    options=FashionOptions,
    task="classification",
    defaults={"model": "mlp", "scaling": "unit", "batch_size": 256, "epochs": 10},
    published=PUBLISHED,
    locate=locate,
)

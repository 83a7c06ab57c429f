"""What the benchmarks train: networks of any size on made-up data, and the project's own workloads."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlpctl.data.base import Dataset, digest_of

if TYPE_CHECKING:
    from mlpctl.engines.base import Work

INPUTS, CLASSES = 784, 10
"""As Fashion-MNIST has them."""

EPOCH_FLOPS = 6e7
"""An epoch of what is timed has about so many: some milliseconds where products are fast, few where steps are."""

FEWEST_STEPS, MOST_STEPS = 2, 64

FASHION = {"dataset": "fashion-mnist", "data": {"examples": 6000}}
"""A step costs the same on a tenth of the examples, and an epoch less time."""

OWN: dict[str, dict[str, Any]] = {
    "iris": {"dataset": "iris", "hidden_units": 16},
    "iris, batch norm": {"dataset": "iris", "scaling": "none", "widths": (128, 64, 32, 16), "batch_norm": (1, 2, 3),
                         "batch_size": 4},
    "Fashion-MNIST 784-256-10": {**FASHION, "hidden_units": 256, "batch_size": 256, "lr": 0.1},
    "Keras 784-128-10, Adam": {**FASHION, "hidden_units": 128, "batch_size": 32, "optimizer": "adam"},
    "langid, bag of words": {"dataset": "langid"},
}  # fmt: skip
"""The project's own workloads: name -> fields of the spec."""


def made(width: int, depth: int, batch: int, *, inputs: int = INPUTS, classes: int = CLASSES) -> "Work":
    """Return a work of `depth` hidden layers of `width` units on made-up pictures, as many as make an epoch worthwhile.

    Raises:
        UsageError: if there is no such network.
    """
    from mlpctl.data.prepare import prepare
    from mlpctl.engines.base import Work
    from mlpctl.models import build, resolve
    from mlpctl.spec import make_spec

    weights = inputs * width + (depth - 1) * width * width + width * classes
    steps = int(np.clip(EPOCH_FLOPS / (6 * weights * batch), FEWEST_STEPS, MOST_STEPS))
    n = steps * batch
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, inputs), dtype=np.float32)
    y = rng.integers(classes, size=n).astype(np.int32)
    names = tuple(map(str, range(classes)))
    digest = digest_of(f"bench {n} {inputs} {classes}")
    dataset = Dataset("noise", X, y, "classification", digest, "made up", classes=names)
    fields = {"dataset": "noise", "widths": (width,) * depth, "batch_size": batch, "epochs": 2, "lr": 0.05}
    parts = {"val_fraction": 0.0, "test_fraction": 0.0, "scaling": "none"}
    spec = resolve(make_spec({**fields, **parts}), dataset)
    data = prepare(dataset, spec)
    return Work(f"{width}-{depth}-{batch}", spec, build(spec, data), data, 2)


def own_works() -> "tuple[dict[str, Work], list[str]]":
    """Return name -> one of the project's workloads, and a sentence per workload whose data are not here."""
    from mlpctl.errors import DataError
    from mlpctl.runner.trial import trial_of
    from mlpctl.spec import make_spec

    works, missing = {}, []
    for name, fields in OWN.items():
        try:
            works[name] = trial_of(make_spec({**fields, "val_fraction": 0.0})).work()
        except DataError as error:
            missing.append(f"{name} is left out: {error}")
    return works, missing

"""Small datasets and works for tests of engines."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.data.base import Dataset, digest_of
from mlpctl.data.prepare import prepare
from mlpctl.engines.base import Event, Session, Work
from mlpctl.engines.kernel.engine import ENGINE as KERNEL
from mlpctl.models import build_network, resolve
from mlpctl.runner.trial import Trial, trial_of
from mlpctl.spec import Spec, make_spec


def classes(k: int = 3, n: int = 60, d: int = 5, *, uint8: bool = False, sparse: bool = False) -> Dataset:
    """Return n points around k centres in d dimensions, under the name of iris."""
    rng = np.random.default_rng(k * 1000 + n + d)
    y = np.arange(n, dtype=np.int32) % k
    X: Any = rng.normal(size=(k, d))[y] * 2 + rng.normal(size=(n, d))
    if uint8:
        X = np.clip(X * 30 + 128, 0, 255).astype(np.uint8)
    if sparse:
        import scipy.sparse

        X = scipy.sparse.csr_matrix(np.where(rng.random((n, d)) < 0.4, np.round(abs(X)), 0.0))
    digest = digest_of(f"{k} {n} {d} {uint8} {sparse}")
    return Dataset("iris", X, y, "classification", digest, "made up", classes=tuple("abcdefghij"[:k]))


def numbers(m: int = 1, n: int = 60, d: int = 5) -> Dataset:
    """Return n points in d dimensions with m targets that are nearly linear in them, under the name of diabetes."""
    rng = np.random.default_rng(m * 1000 + n + d)
    X: NDArray[np.float64] = rng.normal(size=(n, d))
    y = X @ rng.normal(size=(d, m)) + 0.5 + 0.1 * rng.normal(size=(n, m))
    digest = digest_of(f"{m} {n} {d}")
    return Dataset("diabetes", X, y, "regression", digest, "made up", targets=tuple("tuvw"[:m]))


def resolved(dataset: Dataset, **fields: Any) -> Spec:
    """Return the resolved spec of some fields for a dataset; small unless the fields say otherwise."""
    small = {"dataset": dataset.name, "batch_size": 16, "epochs": 3, "scaling": "none", "lr": 0.05}
    return resolve(make_spec({**small, **fields}), dataset)


def work_of(dataset: Dataset, key: str = "t", **fields: Any) -> Work:
    """Return the work of some fields for a dataset; `limit` among them is the seconds that it may take."""
    limit = fields.pop("limit", float("inf"))
    spec = resolved(dataset, **fields)
    data = prepare(dataset, spec)
    assert spec.epochs is not None
    ends = frozenset({spec.epochs})
    return Work(key, spec, build_network(spec, data), data, spec.epochs, ends, fit_each=True, limit=limit)


def trained(session: Session, *works: Work) -> dict[str, list[Event]]:
    """Return the events of the epochs of each work, by key."""
    events: dict[str, list[Event]] = {work.key: [] for work in works}
    for event in session.advance(works):
        events[event.key] += event.each()
    return events


def trial(**fields: Any) -> Trial:
    """Return a trial of one epoch, unless the fields say otherwise."""
    return trial_of(make_spec({"epochs": 1, **fields}))


def trained_weights(one: Trial) -> dict[str, Any]:
    """Return the weights of a trial after its epochs, trained by the kernel."""
    session = KERNEL.open("cpu", 1, 1)
    list(session.advance([one.work()]))
    weights = session.weights(one.key)
    session.close()
    return weights

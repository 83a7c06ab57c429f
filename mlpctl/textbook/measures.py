"""Compute the measures of [[expect]] that are no column of the results: numbers of trained weights.

A function has the name of its measure in `mlpctl.runner.expect_table.MEASURES`, and takes what `of` asks for.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlpctl.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from mlpctl.inspection.loader import Saved

Part = Literal["train", "val", "test"]
When = Literal["start", "end"]


def weight_error(saved: "Saved", index: int) -> float:
    """Return the true weight of an input less the learned one."""
    return float(_option(saved, "w")[index] - _weights(saved)["0.weight"][index, 0])


def bias_error(saved: "Saved") -> float:
    """Return the true bias less the learned one."""
    return float(_option(saved, "b") - _weights(saved)["0.bias"][0])


def log_probabilities(saved: "Saved", part: Part, index: int, when: When) -> NDArray[np.float64]:
    """Return the logarithms of the probabilities of the labels (C,) for an example of a part."""
    from mlpctl.inspection.loader import outputs_of
    from mlpctl.inspection.predict import probabilities

    data = saved.trial.work().data
    rows = data.parts[part][[index]]
    p = probabilities(
        saved.trial.network, outputs_of(saved.trial.network, saved.trial.spec, _at(saved, when), data, rows)
    )
    assert p is not None
    logs: NDArray[np.float64] = np.log(p[0])
    return logs


def label_weights(saved: "Saved", label: str, when: When) -> NDArray[np.float64]:
    """Return the weights of the inputs (D,) for a label, in a network without hidden layers."""
    weights: NDArray[np.float64] = _at(saved, when)["0.weight"][
        :, _place("label", label, saved.trial.dataset.classes)
    ].astype(np.float64)
    return weights


def word_weights(saved: "Saved", word: str, when: When) -> NDArray[np.float64]:
    """Return the weights of a word for the labels (C,), in a network without hidden layers."""
    weights: NDArray[np.float64] = _at(saved, when)["0.weight"][
        _place("word", word, saved.trial.dataset.features)
    ].astype(np.float64)
    return weights


def biases(saved: "Saved", when: When) -> NDArray[np.float64]:
    """Return the biases (C,) of a network without hidden layers."""
    weights: NDArray[np.float64] = _at(saved, when)["0.bias"].astype(np.float64)
    return weights


def largest_output(saved: "Saved", part: Part) -> float:
    """Return the mean over the examples of a part of their largest output."""
    from mlpctl.inspection.loader import outputs_of

    data = saved.trial.work().data
    outputs = outputs_of(saved.trial.network, saved.trial.spec, _weights(saved), data, data.parts[part])
    return float(outputs.max(axis=1).mean())


def steps(saved: "Saved", part: Part) -> float:
    """Return how many minibatches a part has."""
    spec, n = saved.trial.spec, len(saved.trial.work().data.parts[part])
    return 1 if spec.batch_size == "full" else math.ceil(n / int(spec.batch_size or 1))


def gradient_ratio(saved: "Saved") -> float:
    """Return the gradient that reaches the first layer at the start, as a share of that of the last (RMS)."""
    from mlpctl.inspection.draw_gradients import profile
    from mlpctl.inspection.loader import start_of

    rms = profile(saved.trial, start_of(saved.trial), "").rms
    return rms[0] / rms[-1]


def affine_difference(saved: "Saved") -> float:
    """Return the largest difference of the outputs from those of the composed affine map, relative to them."""
    from mlpctl.inspection.affine import composed_difference

    difference, largest = composed_difference(
        saved.trial, _weights(saved), saved.trial.work().data.parts["test"][:1000]
    )
    return difference / largest


def _option(saved: "Saved", name: str) -> Any:
    from mlpctl.data import source_of
    from mlpctl.data.base import options_of

    spec = saved.trial.spec
    return getattr(options_of(source_of(spec.dataset), spec.data), name)


def _weights(saved: "Saved") -> dict[str, Any]:
    assert saved.weights is not None
    return saved.weights


def _at(saved: "Saved", when: When) -> dict[str, Any]:
    from mlpctl.inspection.loader import start_of

    return start_of(saved.trial) if when == "start" else _weights(saved)


def _place(what: str, name: str, known: Sequence[str]) -> int:
    if name not in known:
        raise UsageError(f"the data have no {what} '{name}'; {did_you_mean(name, known)}")
    return known.index(name)

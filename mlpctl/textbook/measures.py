"""Compute the measures of [[expect]] that are no column of the results: numbers of trained weights.

A function has the name of its measure in `mlpctl.runner.expect_table.MEASURES`, and takes what `of` asks for.
"""

import math
from typing import TYPE_CHECKING, Any

from mlpctl.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from mlpctl.inspection.loader import Saved


def weight_error(saved: "Saved", index: int) -> float:
    """Return the true weight of an input less the learned one."""
    return float(_option(saved, "w")[index] - _weights(saved)["0.weight"][index, 0])


def bias_error(saved: "Saved") -> float:
    """Return the true bias less the learned one."""
    return float(_option(saved, "b") - _weights(saved)["0.bias"][0])


def log_probability(saved: "Saved", index: int, label: str) -> float:
    """Return the logarithm of the probability of a label for an example of the test part."""
    from mlpctl.inspection.loader import outputs_of
    from mlpctl.inspection.predict import probabilities

    data = saved.trial.work().data
    rows = data.parts["test"][[index]]
    outputs = outputs_of(saved.trial.network, saved.trial.spec, _weights(saved), data, rows)
    p = probabilities(saved.trial.network, outputs)
    assert p is not None
    return math.log(p[0, _class(saved, label)])


def word_weight_change(saved: "Saved", word: str, label: str) -> float:
    """Return the change in training of the weight of a word for a label, in a network without hidden layers."""
    from mlpctl.inspection.loader import start_of

    words = saved.trial.dataset.features
    if word not in words:
        raise UsageError(f"the vocabulary does not have the word '{word}'; {did_you_mean(word, words)}")
    place = words.index(word), _class(saved, label)
    return float(_weights(saved)["0.weight"][place] - start_of(saved.trial)["0.weight"][place])


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


def _class(saved: "Saved", label: str) -> int:
    classes = saved.trial.dataset.classes
    if label not in classes:
        raise UsageError(f"{saved.trial.spec.dataset} has no label '{label}'; {did_you_mean(label, classes)}")
    return classes.index(label)

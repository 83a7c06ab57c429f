"""What a published figure is compared with where it is no column of the results: numbers read off trained weights."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from mlpctl.errors import UsageError, did_you_mean
from mlpctl.spec import Spec, explain
from mlpctl.store.schema import EPOCH_COLUMNS
from mlpctl.textbook.expectation import Expect

if TYPE_CHECKING:
    from mlpctl.inspection.loader import Saved


@dataclass(frozen=True)
class Measure:
    """A number of a trained network.

    Attributes:
        help: one line.
        compute: (trial with weights, what it is asked for) -> the number.
        of: what it must be asked for.
    """

    help: str
    compute: "Callable[..., float]"
    of: tuple[str, ...] = ()


def weight_error(saved: "Saved", index: int) -> float:
    """Return how far the true weight of an input is above the learned one."""
    return float(_option(saved, "w")[index] - _weights(saved)["0.weight"][index, 0])


def bias_error(saved: "Saved") -> float:
    """Return how far the true bias is above the learned one."""
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
    """Return by how much training has moved the weight of a word for a label, in a network without hidden layers."""
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


def relative_affine_difference(saved: "Saved") -> float:
    """Return how far the outputs are from those of the one affine map that all layers compose to, relative to them."""
    from mlpctl.inspection.affine import affine_difference

    difference, largest = affine_difference(saved.trial, _weights(saved), saved.trial.work().data.parts["test"][:1000])
    return difference / largest


MEASURES = {
    "weight_error": Measure("the true weight of an input, less ours", weight_error, ("index",)),
    "bias_error": Measure("the true bias, less ours", bias_error),
    "log_probability": Measure("of a label, for an example of the test part", log_probability, ("index", "label")),
    "word_weight_change": Measure("of a word's weight for a label, in training", word_weight_change, ("word", "label")),
    "gradient_ratio": Measure("of the first layer to the last, before training", gradient_ratio),
    "affine_difference": Measure("from one affine map, relative to the outputs", relative_affine_difference),
}
"""Measures of trained weights."""

FACT = "fact"
"""The measure that needs no trial: a derivative by name, see `mlpctl.textbook.autograd_facts`."""


def expects_of(tables: Sequence[Mapping[str, Any]], where: str) -> tuple[Expect, ...]:
    """Return the [[expect]] tables of a file.

    Raises:
        UsageError: every problem at once.
    """
    expects: list[Expect] = []
    problems: list[str] = []
    for number, table in enumerate(tables, start=1):
        place = f"{where} [[expect]] {number}"
        try:
            expect = Expect(**table)
        except ValidationError as error:
            problems += explain(error, Expect, place)
            continue
        expects.append(expect)
        problems += (f"{place}: {problem}" for problem in _problems(expect))
    if problems:
        raise UsageError(problems)
    return tuple(expects)


def _problems(expect: Expect) -> Iterator[str]:
    measure, known = expect.measure, (*EPOCH_COLUMNS, *MEASURES, FACT)
    if measure not in known:
        yield f"measure must be a column of the results or a measure, got '{measure}'; {did_you_mean(measure, known)}"
        return
    needed = MEASURES[measure].of if measure in MEASURES else ("name",) if measure == FACT else ()
    if set(expect.of) != set(needed):
        told = ", ".join(needed) or "nothing"
        yield f"{measure} is asked for {told} in `of`, got {', '.join(expect.of) or 'nothing'}"
    for group in expect.groups:
        for name in group:
            if not name.startswith("data.") and name not in Spec.model_fields:
                yield f"where must name fields of a spec, got '{name}'; {did_you_mean(name, Spec.model_fields)}"


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

"""Predict examples with a trained network, and show the words that decided a text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.data import source_of
from mlpctl.data.base import options_of
from mlpctl.data.langid import LangidOptions, count_words
from mlpctl.data.new_inputs import read_new
from mlpctl.data.parts import Part
from mlpctl.data.prepare import kept_columns, prepare, prepare_new
from mlpctl.display.tables import Cell, Table
from mlpctl.engines.scoring import predicted
from mlpctl.errors import UsageError
from mlpctl.inspection.loader import Saved, outputs_of
from mlpctl.inspection.scores import parts_of, scores_line, scores_table
from mlpctl.metrics import SelectOn

if TYPE_CHECKING:
    from mlpctl.data.prepare import Data
    from mlpctl.models.network import Network

SELECTED_PART: dict[SelectOn, Part] = {"test": "test", "train": "train", "validation": "val"}

CLASSES_ACROSS = 5
"""Classes up to which people see the probability of each beside every example."""

BIAS_ROW, TOTAL_ROW = "(bias)", "(sum)"


@dataclass(frozen=True, eq=False)
class Examples:
    """Examples to predict.

    Attributes:
        data: data that hold them.
        rows: rows of the data (B,).
        names: names for the tables (B,).
        truth: true if the data have the true answers.
        columns: columns of their file that are carried along, cells by name.
    """

    data: "Data"
    rows: NDArray[np.int64]
    names: Sequence[Cell]
    truth: bool
    columns: Mapping[str, Sequence[str] | NDArray[Any]] = field(default_factory=dict)

    def carried(self, number: int) -> dict[str, Cell]:
        """Return what is carried along of one example."""
        return {name: _plain(cells[number]) for name, cells in self.columns.items()}


def predict(
    saved: Saved,
    *,
    input_: str | None = None,
    index: Sequence[int] = (),
    part: SelectOn = "test",
    texts: Sequence[str] = (),
    rows: NDArray[Any] | None = None,
    people: bool = True,
) -> tuple[list[Table], list[str]]:
    """Return (tables, notes): the predictions for examples, and lines for the user.

    Args:
        saved: a trial with weights.
        input_: file of examples; "-" is the standard input.
        index: examples of a part of the dataset, counted from 0.
        part: that `index` counts in.
        texts: sentences, for langid.
        rows: examples of one's own (B, D), inputs as the dataset has them.
        people: one example is shown class by class; machines get a row per example.

    Raises:
        UsageError: unless there is one kind of example, which the dataset has.
        DataError: for a file that does not fit.
    """
    if sum((input_ is not None, bool(index), bool(texts), rows is not None)) != 1:
        raise UsageError("what to predict? give one of --input FILE, --index N, --text 'a sentence'")
    notes: list[str] = []
    parts: dict[str, NDArray[np.int64]] = {}
    if rows is not None:
        examples = _new(saved, _fitting(saved, rows), list(range(len(rows))))
    elif input_ is not None:
        new = read_new(saved.trial.dataset, input_)
        notes, parts = new.notes, parts_of(saved, new)
        y = saved.trial.dataset.y if len(parts) > 1 else new.beside.y
        places = np.arange(new.X.shape[0]) if new.beside.rows is None else new.beside.rows
        examples = _new(saved, new.X, (places + 1).tolist(), y, new.beside.columns)
    elif index:
        examples = _of_part(saved, index, part)
    else:
        examples = _new(saved, _counts(saved, texts), list(texts))
    network, spec = saved.trial.network, saved.trial.spec
    assert saved.weights is not None
    outputs = outputs_of(network, spec, saved.weights, examples.data, examples.rows)
    if saved.place.why:
        notes.append(f"trial {saved.place.key}: {saved.place.why}")
    tables = [_table(saved, network, examples, outputs, people=people)]
    if parts and examples.truth:
        told = scores_table(saved, examples.data, {name: examples.rows[rows] for name, rows in parts.items()})
        if people:
            tables.append(told)
        else:
            notes += [scores_line(row) for row in told.rows]
    if texts:
        tables += [_words(saved, examples, number, outputs[number]) for number in range(len(texts))]
    return tables, notes


def _plain(value: Any) -> Cell:
    """Return a cell of a file as text or number, None for NaN."""
    if isinstance(value, str):
        return value
    return None if np.isnan(value) else int(value) if float(value).is_integer() else float(value)


def probabilities(network: "Network", outputs: NDArray[Any]) -> NDArray[np.float64] | None:
    """Return the probability (B, K) of each class that outputs (B, C) stand for; None where the loss gives none.

    Softmax under cross_entropy and nll; sigmoid under bce, where several outputs stand for themselves and need not
    add up to 1.
    """
    z = outputs.astype(np.float64)
    if network.loss in ("cross_entropy", "nll"):
        p = np.exp(z - z.max(axis=1, keepdims=True))
        return np.asarray(p / p.sum(axis=1, keepdims=True))
    if network.loss != "bce":
        return None
    from scipy.special import expit

    p = expit(z)
    return np.concatenate([1 - p, p], axis=1) if network.n_outputs == 1 else p


def _new(
    saved: Saved,
    X: Any,
    names: Sequence[Cell],
    y: NDArray[Any] | None = None,
    columns: Mapping[str, Sequence[str] | NDArray[Any]] = {},
) -> Examples:
    data, rows = prepare_new(saved.trial.dataset, saved.trial.spec, X, y)
    return Examples(data, rows, names, y is not None, columns)


def _fitting(saved: Saved, rows: NDArray[Any]) -> NDArray[Any]:
    inputs = saved.trial.dataset.X.shape[1]
    if rows.ndim != 2 or rows.shape[1] != inputs:
        raise UsageError(f"examples of {saved.trial.dataset.name} are rows of {inputs} numbers, got {rows.shape}")
    return rows


def _of_part(saved: Saved, index: Sequence[int], part: SelectOn) -> Examples:
    data = prepare(saved.trial.dataset, saved.trial.spec)
    rows, name = data.parts[SELECTED_PART[part]], saved.trial.dataset.name
    if not len(rows):
        raise UsageError(
            f"{name} has no {part} part under this spec: use --part {'test' if part != 'test' else 'train'}"
        )
    for number in index:
        if not 0 <= number < len(rows):
            raise UsageError(f"the {part} part of {name} has the examples 0 to {len(rows) - 1}, got --index {number}")
    return Examples(data, rows[list(index)], list(index), truth=True)


def _counts(saved: Saved, texts: Sequence[str]) -> Any:
    """Return the counts (B, V) of the words that the dataset knows."""
    import scipy.sparse

    dataset, place = saved.trial.dataset, {word: k for k, word in enumerate(saved.trial.dataset.features)}
    if isinstance(dataset.X, np.ndarray) or dataset.name != "langid":
        raise UsageError(
            f"--text is for langid, and this network was trained on {dataset.name}: use --input or --index"
        )
    counts = scipy.sparse.lil_matrix((len(texts), len(place)), dtype=np.float32)
    for number, text in enumerate(texts):
        for word, count in _word_counts(saved, text).items():
            if word in place:
                counts[number, place[word]] = count
    return counts.tocsr()


def _word_counts(saved: Saved, text: str) -> dict[str, int]:
    options = options_of(source_of("langid"), saved.trial.spec.data)
    assert isinstance(options, LangidOptions)
    X, words = count_words([text], options)
    return {words[k]: int(count) for k, count in zip(X.indices, X.data, strict=True)}


def _table(saved: Saved, network: "Network", examples: Examples, outputs: NDArray[Any], *, people: bool) -> Table:
    dataset, spec = saved.trial.dataset, saved.trial.spec
    title = f"{dataset.name} {spec.model}, trial {saved.place.key}"
    if dataset.task == "regression":
        return _numbers(network, dataset.targets, examples, outputs, title)
    label = predicted(network, outputs)
    p = probabilities(network, outputs)
    true = examples.data.y[examples.rows] if examples.truth else None
    if people and len(examples.rows) == 1 and p is not None:
        return _classes(network, dataset.classes, examples, outputs, p, title)
    rows: list[dict[str, Cell]] = []
    for number, name in enumerate(examples.names):
        row: dict[str, Cell] = {"example": name, **examples.carried(number)}
        if true is not None:
            row["true"] = dataset.classes[int(true[number])]
        row["predicted"] = dataset.classes[int(label[number])]
        if p is None:
            row |= _scores(network, dataset.classes, outputs[number])
        else:
            row["probability"] = float(p[number, label[number]])
            if not people or len(dataset.classes) <= CLASSES_ACROSS:
                row |= {f"p({c})": float(p[number, k]) for k, c in enumerate(dataset.classes)}
            else:
                second = int(np.argsort(-p[number], kind="stable")[1])
                row |= {"second": dataset.classes[second], "its probability": float(p[number, second])}
        rows.append(row)
    notes = [] if p is not None else [f"The loss {network.loss} gives scores, no probabilities."]
    return Table(list(rows[0]), rows, title, notes)


def _classes(
    network: "Network", classes: Sequence[str], examples: Examples, outputs: NDArray[Any], p: NDArray[Any], title: str
) -> Table:
    """Return one example's classes, a row each, the predicted one marked."""
    label = int(predicted(network, outputs)[0])
    rows: list[dict[str, Cell]] = []
    for k, name in enumerate(classes):
        row: dict[str, Cell] = {"class": name, "probability": float(p[0, k])}
        if network.loss in ("cross_entropy", "nll"):
            z = outputs[0].astype(np.float64)
            row["log-probability"] = float(z[k] - np.logaddexp.reduce(z))
        row[""] = "◀ predicted" if k == label else ""
        if examples.truth and int(examples.data.y[examples.rows[0]]) == k:
            row[""] = f"{row['']}, true" if k == label else "  true"
        rows.append(row)
    return Table(list(rows[0]), rows, f"{title}: example {examples.names[0]}")


def _scores(network: "Network", classes: Sequence[str], z: NDArray[Any]) -> dict[str, Cell]:
    if network.n_outputs == 1:
        return {"output": float(z[0]), f"{classes[1]} above": network.threshold}
    return {f"score({name})": float(z[k]) for k, name in enumerate(classes)}


def _numbers(
    network: "Network", targets: Sequence[str], examples: Examples, outputs: NDArray[Any], title: str
) -> Table:
    predictions, truths = network.in_own_units(outputs), network.in_own_units(examples.data.y[examples.rows])
    rows: list[dict[str, Cell]] = []
    for number, name in enumerate(examples.names):
        row: dict[str, Cell] = {"example": name, **examples.carried(number)}
        for k, target in enumerate(targets or ("target",)):
            value = float(predictions[number, k])
            row[f"predicted {target}"] = value
            if examples.truth:
                true = float(truths[number, k])
                row |= {f"true {target}": true, f"error {target}": value - true}
        rows.append(row)
    return Table(list(rows[0]), rows, title)


def _words(saved: Saved, examples: Examples, number: int, outputs: NDArray[Any]) -> Table:
    """Return the share of each word of a text in the output of each class, the most decisive word first."""
    dataset, network = saved.trial.dataset, saved.trial.network
    assert saved.weights is not None
    text = str(examples.names[number])
    inputs = {dataset.features[k]: place for place, k in enumerate(kept_columns(dataset, examples.data.parts["train"]))}
    counts = _word_counts(saved, text)
    unknown = [word for word in counts if word not in inputs]
    notes = [f"Unknown words, which count for nothing: {', '.join(unknown)}."] if unknown else []
    title = f"Words of: {text}"
    if len(network.layers) > 1:
        return Table((), (), title, [*notes, "With hidden layers no word has a share of its own: train model bow."])
    weight = saved.weights["0.weight"].astype(np.float64)  # (V, C)
    bias = saved.weights.get("0.bias", np.zeros(network.n_outputs)).astype(np.float64)
    shares = {word: count * weight[inputs[word]] for word, count in counts.items() if word in inputs}  # (C,) each
    label = int(predicted(network, outputs[None])[0])
    ordered = sorted(shares, key=lambda word: -_lead(shares[word], label))
    columns = dataset.classes if network.n_outputs > 1 else dataset.classes[1:]

    def row(word: str, count: int | None, values: NDArray[Any]) -> dict[str, Cell]:
        return {"word": word, "count": count, **{name: float(values[k]) for k, name in enumerate(columns)}}

    rows = [row(word, counts[word], shares[word]) for word in ordered]
    rows += [row(BIAS_ROW, None, bias), row(TOTAL_ROW, None, bias + sum(shares.values()))]
    notes.insert(
        0, f"count × weight: what a word adds to the score of each class. Predicted: {dataset.classes[label]}."
    )
    return Table(["word", "count", *columns], rows, title, notes)


def _lead(share: NDArray[Any], label: int) -> float:
    """Return by how much a word puts the predicted class ahead of the others' mean."""
    if len(share) == 1:
        return float(share[0] if label else -share[0])
    return float(share[label] - np.delete(share, label).mean())

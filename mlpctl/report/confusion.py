"""Report which classes a trained trial confuses: the table, each class's accuracy, and its most confident mistakes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.display.figure_style import SMALL_SIZE, check_suffix, entitle, panels, save
from mlpctl.display.tables import Cell, Format, Table, emit
from mlpctl.errors import UsageError
from mlpctl.inspection.loader import load_saved, outputs_of
from mlpctl.inspection.predict import SELECTED_PART, probabilities
from mlpctl.metrics import SelectOn
from mlpctl.report.figures.plot import Heat

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlpctl.inspection.loader import Saved

MISTAKES = 10
"""Most confident mistakes that are listed."""

MOST_CLASSES = 20
"""Classes up to which a table has a column for each."""


@dataclass(frozen=True, eq=False)
class Confusion:
    """Predictions of a trained trial for the examples of a part.

    Attributes:
        saved: the trial with its weights.
        part: name of the part.
        rows: rows of the dataset (n,).
        true: classes (n,).
        predicted: classes (n,); -1 where outputs are NaN.
        sureness: probability of the predicted class, or its output where the loss gives none (n,).
        counts: examples of each true class (rows) by predicted class (columns) (K, K).
    """

    saved: "Saved"
    part: SelectOn
    rows: NDArray[np.int64]
    true: NDArray[np.int64]
    predicted: NDArray[np.int64]
    sureness: NDArray[np.float64]
    counts: NDArray[np.int64]

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the names of the classes."""
        return self.saved.trial.dataset.classes

    @property
    def mistakes(self) -> NDArray[np.int64]:
        """Return the places of the most confident mistakes, the surest first."""
        wrong = np.flatnonzero(self.true != self.predicted)
        return wrong[np.argsort(-self.sureness[wrong], kind="stable")][:MISTAKES]


def confusion_of(where: str, part: SelectOn) -> Confusion:
    """Return the confusion of the best trial of a results folder, or of RESULTS#TRIAL.

    Raises:
        DataError: where results, data or weights are missing.
        UsageError: for a regression, or a part without examples.
    """
    from mlpctl.engines.scoring import predicted

    saved = load_saved(where)
    dataset, spec, network = saved.trial.dataset, saved.trial.spec, saved.trial.network
    if dataset.task != "classification":
        raise UsageError(f"--confusion is for classes, and {dataset.name} is a regression set: see --stats")
    data = saved.trial.data
    rows = data.parts[SELECTED_PART[part]]
    if not len(rows):
        raise UsageError(f"{dataset.name} has no {part} part under this spec: use --select-on train or test")
    assert saved.weights is not None
    outputs = outputs_of(network, spec, saved.weights, data, rows)
    label, true = predicted(network, outputs), data.y[rows].astype(np.int64)
    p = probabilities(network, outputs)
    sureness = (outputs.max(axis=1) if p is None else p.max(axis=1)).astype(np.float64)
    counts = np.zeros((len(dataset.classes), len(dataset.classes)), dtype=np.int64)
    known = label >= 0
    np.add.at(counts, (true[known], label[known]), 1)
    return Confusion(saved, part, rows, true, label, sureness, counts)


def confusion_tables(confusion: Confusion) -> list[Table]:
    """Return the table of true and predicted classes, and the most confident mistakes."""
    saved, counts, classes = confusion.saved, confusion.counts, confusion.classes
    dataset = saved.trial.dataset
    title = f"{dataset.name}, trial {saved.place.key}: {len(confusion.rows):,} {confusion.part} examples"
    examples, right = np.bincount(confusion.true, minlength=len(classes)), counts.diagonal()
    guessed = counts.sum(axis=0)
    across = range(len(classes)) if len(classes) <= MOST_CLASSES else ()
    rows: list[dict[str, Cell]] = []
    for k, name in enumerate(classes):
        row: dict[str, Cell] = {"true class": name, **{f"→ {classes[c]}": int(counts[k, c]) for c in across}}
        row |= {"examples": int(examples[k]), "accuracy": _share(right[k], examples[k])}
        row["precision"] = _share(right[k], guessed[k])
        if len(classes) > MOST_CLASSES:
            others = np.where(np.arange(len(classes)) == k, 0, counts[k])
            row["mostly taken for"] = classes[int(others.argmax())] if others.any() else ""
        rows.append(row)
    notes = ["→ CLASS: predicted so. accuracy: share of the class that is found; precision: share of its predictions "
             "that are right."]  # fmt: skip
    return [Table(list(rows[0]), rows, title, notes), _mistakes(confusion)]


def _share(part: Any, whole: Any) -> float | None:
    return float(part / whole) if whole else None


def _mistakes(confusion: Confusion) -> Table:
    network, classes = confusion.saved.trial.network, confusion.classes
    sure = "probability" if network.loss in ("cross_entropy", "nll", "bce") else "output"
    wrong = int((confusion.true != confusion.predicted).sum())
    rows: list[dict[str, Cell]] = [
        {
            "example": int(place),
            "true": classes[confusion.true[place]],
            "predicted": classes[confusion.predicted[place]] if confusion.predicted[place] >= 0 else "nothing",
            sure: float(confusion.sureness[place]),
        }
        for place in confusion.mistakes
    ]
    title = "No mistakes" if not wrong else f"Most confident of {wrong:,} {'mistake' if wrong == 1 else 'mistakes'}"
    where = f"mlpctl predict {confusion.saved.place} --part {confusion.part} --index EXAMPLE shows one."
    return Table(["example", "true", "predicted", sure] if rows else [], rows, title, [where] if rows else [])


def draw_confusion(confusion: Confusion) -> "Figure":
    """Return the figure of the confusion: a heat map of shares, and the pictures of the most confident mistakes."""
    from mlpctl.report.figures.draw_heat_map import draw_heat

    dataset, counts, classes = confusion.saved.trial.dataset, confusion.counts, confusion.classes
    if dataset.image_shape is not None and len(confusion.mistakes):
        return _with_pictures(confusion, dataset.image_shape)
    return draw_heat(_heat(dataset.name, confusion.part, counts, classes))


def _heat(name: str, part: str, counts: NDArray[np.int64], classes: Sequence[str]) -> Heat:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return Heat(
        title=f"{name}: what is taken for what\nnumber of {part} examples; colour: share of the true class",
        row_label="true class",
        column_label="predicted class",
        scale_label="share of the true class",
        rows=tuple(classes),
        columns=tuple(classes),
        values=tuple(map(tuple, shares.tolist())),
        texts=tuple(tuple(str(count) if count else "" for count in row) for row in counts.tolist()),
        better="high",
    )


def _with_pictures(confusion: Confusion, shape: tuple[int, int]) -> "Figure":
    """Return the pictures of the most confident mistakes, under the heat map of the confusion."""
    from matplotlib.gridspec import GridSpec

    classes, X = confusion.classes, np.asarray(confusion.saved.trial.dataset.X)
    figure, [heat] = panels(1, 1, 8.6, 8.4)
    grid = GridSpec(3, 5, figure, height_ratios=(4, 1, 1), hspace=0.02)
    heat.set_subplotspec(grid[0, :])
    shares = confusion.counts / np.maximum(confusion.counts.sum(axis=1, keepdims=True), 1)
    image = heat.imshow(shares, cmap="cividis", aspect="auto")
    heat.grid(visible=False)
    heat.set_xticks(range(len(classes)), classes, rotation=30, ha="right", fontsize=SMALL_SIZE)
    heat.set_yticks(range(len(classes)), classes, fontsize=SMALL_SIZE)
    heat.set_ylabel("true class")
    heat.set_xlabel("predicted class")
    for (r, c), count in np.ndenumerate(confusion.counts):
        if count:
            bright = "black" if image.norm(shares[r, c]) > 0.5 else "white"
            heat.text(c, r, str(count), ha="center", va="center", fontsize=SMALL_SIZE, color=bright)
    for number, place in enumerate(confusion.mistakes):
        axes = figure.add_subplot(grid[1 + number // 5, number % 5])
        axes.imshow(X[confusion.rows[place]].reshape(shape), cmap="binary")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.grid(visible=False)
        true, taken = classes[confusion.true[place]], classes[confusion.predicted[place]]
        axes.set_xlabel(f"{true}, taken\nfor {taken}", fontsize=SMALL_SIZE)
    name = confusion.saved.trial.dataset.name
    entitle(
        heat, f"{name}: what is taken for what\nnumber of {confusion.part} examples; below: most confident mistakes"
    )
    return figure


def report_confusion(
    folders: Sequence[Path],
    part: SelectOn,
    plot: Path | None = None,
    format_: Format = "table",
    output: Path | None = None,
    *,
    ascii_only: bool = False,
) -> None:
    """Tell the confusion of the best trial of a results folder, and write its figure where one is asked for.

    Raises:
        DataError: where results, data or weights are missing.
        UsageError: for several folders, a regression, a part without examples, or a file of another format.
    """
    if len(folders) != 1:
        raise UsageError(f"--confusion is of one results folder, got {len(folders)}: name one, or RESULTS#TRIAL")
    if plot is not None:
        check_suffix(plot)
    confusion = confusion_of(str(folders[0]), part)
    emit(confusion_tables(confusion), format_, output, ascii_only=ascii_only)
    if plot is not None:
        save(draw_confusion(confusion), plot)

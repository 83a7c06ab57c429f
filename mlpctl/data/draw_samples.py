"""Draw a dataset: sample images, points by class, a regression's target, or the commonest words."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlpctl.data.base import Dataset
from mlpctl.display.figure_style import COLOURS, MARKERS, SMALL_SIZE, entitle, new_figure, panels, styled
from mlpctl.display.text import shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HATCHES = ("", "///", "...", "xx", "\\\\", "--", "++")
"""Hatches of bars, beside their colours."""

WORDS_SHOWN = 12
POINTS_SHOWN = 2000


def draw_samples(dataset: Dataset) -> "Figure":
    """Return the figure that suits a dataset."""
    if dataset.image_shape is not None:
        return _images(dataset, dataset.image_shape)
    if not isinstance(dataset.X, np.ndarray):
        return _words(dataset)
    return _classes(dataset) if dataset.task == "classification" else _targets(dataset)


def _images(dataset: Dataset, shape: tuple[int, int]) -> "Figure":
    figure, all_axes = panels(5, 5, 7.0, 7.6)
    for place, axes in enumerate(all_axes):
        axes.grid(visible=False)
        axes.imshow(np.asarray(dataset.X)[place].reshape(shape), cmap="binary")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_xlabel(dataset.classes[int(dataset.y[place])], fontsize=SMALL_SIZE)
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
    entitle(all_axes[0], f"{dataset.name}: the first 25 of {dataset.X.shape[0]:,} examples", over=True)
    return figure


def _classes(dataset: Dataset) -> "Figure":
    X, y = np.asarray(dataset.X)[:POINTS_SHOWN], dataset.y[:POINTS_SHOWN]
    first, second = _telling_features(X, y)
    figure, axes = new_figure(6.4, 4.8)
    for number, name in enumerate(dataset.classes):
        own = X[y == number]
        axes.scatter(own[:, first], own[:, second], s=110 if len(X) < 10 else 24, label=name, alpha=0.8,
                     color=COLOURS[number % len(COLOURS)], marker=MARKERS[number % len(MARKERS)], zorder=3)  # fmt: skip
    axes.set_xlabel(_feature(dataset, first))
    axes.set_ylabel(_feature(dataset, second))
    with styled():
        axes.legend(title="class", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    why = "" if X.shape[1] == 2 else "\nthe two features that tell the classes apart best, one by one"
    entitle(axes, f"{dataset.name}\n{shortened(dataset.source, 140)}{why}")
    return figure


def _telling_features(X: Any, y: Any) -> tuple[int, int]:
    """Return the two features with the largest share of variance between classes (in their own order)."""
    if X.shape[1] == 1:
        return 0, 0
    means = np.stack([X[y == k].mean(axis=0) for k in np.unique(y)])
    between, total = means.var(axis=0), X.var(axis=0)
    best = np.argsort(-between / np.where(total > 0, total, np.inf), kind="stable")[:2]
    return int(min(best)), int(max(best))


def _targets(dataset: Dataset) -> "Figure":
    X, y = np.asarray(dataset.X)[:POINTS_SHOWN], dataset.y[:POINTS_SHOWN, 0]
    strength = np.nan_to_num([abs(np.corrcoef(column, y)[0, 1]) if column.std() else 0.0 for column in X.T])
    shown = sorted(np.argsort(-strength, kind="stable")[:3].tolist())
    figure, all_axes = panels(1, len(shown), 3.2 * len(shown) + 0.6, 3.8)
    for axes, column in zip(all_axes, shown, strict=True):
        axes.scatter(X[:, column], y, s=12, alpha=0.5, color=COLOURS[0])
        slope, start = np.polyfit(X[:, column], y, 1)
        ends = np.array([X[:, column].min(), X[:, column].max()])
        axes.plot(ends, slope * ends + start, color=COLOURS[1])
        axes.set_xlabel(_feature(dataset, column))
    all_axes[0].set_ylabel(dataset.targets[0] if dataset.targets else "target")
    title = f"{dataset.name}: target against the inputs that follow it most\nwith the least-squares line of each"
    entitle(all_axes[0], title, over=True)
    return figure


def _words(dataset: Dataset) -> "Figure":
    counts = np.stack(
        [np.asarray(dataset.X[dataset.y == k].sum(axis=0)).reshape(-1) for k in range(len(dataset.classes))]
    )
    shown = np.argsort(-counts.sum(axis=0), kind="stable")[:WORDS_SHOWN][::-1]
    figure, axes = new_figure(6.4, 4.8)
    left = np.zeros(len(shown))
    for number, name in enumerate(dataset.classes):
        axes.barh([dataset.features[k] for k in shown], counts[number][shown], left=left, label=name, edgecolor="white",
                  color=COLOURS[number % len(COLOURS)], hatch=HATCHES[number % len(HATCHES)])  # fmt: skip
        left += counts[number][shown]
    axes.set_xlabel("occurrences")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(visible=False, axis="y")
    with styled():
        axes.legend(title="class", loc="lower right")
    entitle(axes, f"{dataset.name}: the commonest of {len(dataset.features):,} words, by class")
    return figure


def _feature(dataset: Dataset, column: int) -> str:
    return dataset.features[column] if dataset.features else f"input {column}"

"""Draw the plane of two inputs with its decision regions, and examples in a hidden layer of two units."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.data.prepare import prepare, prepare_new
from mlpctl.display.figure_style import COLOURS, MARKERS, SMALL_SIZE, entitle, new_figure, styled
from mlpctl.engines.scoring import predicted
from mlpctl.errors import UsageError
from mlpctl.inspection.loader import after, manual_model, outputs_of, upto

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlpctl.data.base import Dataset
    from mlpctl.models.network import Network
    from mlpctl.runner.trial import Trial
    from mlpctl.store.weights import Weights

CELLS = 241
"""Points of the grid along each axis."""

POINTS_SHOWN = 2000
NAMED_POINTS = 8
"""Examples up to which each is named by its inputs."""

SIDE = "#333333"


def draw_boundary(trial: "Trial", weights: "Weights", title: str) -> "Figure":
    """Return the figure of the decision regions of a network with two inputs, with the training points.

    Raises:
        UsageError: for a network with other than two inputs, or a regression.
    """
    dataset, network, spec = trial.dataset, trial.network, trial.spec
    if not isinstance(dataset.X, np.ndarray) or dataset.X.shape[1] != 2 or dataset.task != "classification":
        raise UsageError(
            f"a boundary is drawn for classes in a plane of two inputs, and {dataset.name} has {dataset.X.shape[1]} "
            f"inputs and is a {dataset.task} set: try --dataset gates, or a table of two columns"
        )
    data = prepare(dataset, spec)
    train = data.parts["train"][:POINTS_SHOWN]
    points = dataset.X[train].astype(np.float64)
    grid, extent = _grid(points)
    new, rows = prepare_new(dataset, spec, grid)
    z = outputs_of(network, spec, weights, new, rows)
    right = predicted(network, outputs_of(network, spec, weights, data, train)) == dataset.y[train]
    figure, axes = new_figure(5.6, 4.9)
    _regions(axes, network, z, extent)
    _points(axes, dataset, points, dataset.y[train], right)
    names = dataset.features or ("input 0", "input 1")
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    entitle(axes, f"{title}\n{int(right.sum()):,} of {len(right):,} training examples right")
    return figure


def draw_hidden(trial: "Trial", weights: "Weights", title: str) -> "Figure":
    """Return the figure of the training examples in the last hidden layer of two units, with what follows it.

    Raises:
        UsageError: if no hidden layer has two units.
    """
    dataset, network, spec = trial.dataset, trial.network, trial.spec
    two = [k for k, layer in enumerate(network.layers[:-1], start=1) if layer.outputs == 2]
    if not two or dataset.task != "classification":
        widths = ", ".join(str(layer.outputs) for layer in network.layers[:-1]) or "none"
        raise UsageError(
            f"a hidden space is drawn for classes and a hidden layer of 2 units, got hidden units {widths}"
        )
    number = two[-1]
    data = prepare(dataset, spec)
    train = data.parts["train"][:POINTS_SHOWN]
    y = dataset.y[train]
    points = outputs_of(upto(network, number), spec, weights, data, train).astype(np.float64)
    right = predicted(network, outputs_of(network, spec, weights, data, train)) == y
    grid, extent = _grid(points)
    z = _outputs_behind(trial, weights, number, grid)
    figure, axes = new_figure(5.6, 4.9)
    _regions(axes, network, z, extent)
    _points(axes, dataset, points, y, right)
    if len(points) <= NAMED_POINTS and isinstance(dataset.X, np.ndarray):
        _names(axes, points, [f"({', '.join(f'{v:g}' for v in dataset.X[row])})" for row in train])
    axes.set_xlabel(f"unit 1 of hidden layer {number}")
    axes.set_ylabel(f"unit 2 of hidden layer {number}")
    what = f"the inputs as hidden layer {number} ({network.layers[number - 1].activation}) sees them"
    entitle(axes, f"{title}\n{what}")
    return figure


def _outputs_behind(trial: "Trial", weights: "Weights", number: int, a: NDArray[np.float64]) -> NDArray[Any]:
    """Return the outputs (B, C) that activations (B, 2) of a hidden layer lead to."""
    import torch

    network, rest = after(trial.network, weights, number)
    model = manual_model(network, trial.spec, rest)
    return np.asarray(model.outputs(torch.from_numpy(a.astype(trial.spec.dtype))).numpy())


def _grid(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], tuple[float, float, float, float]]:
    """Return the points (CELLS², 2) of a grid around some points, row by row, and its left, right, bottom and top."""
    low, high = points.min(axis=0), points.max(axis=0)
    margin = np.where(high > low, 0.26 * (high - low), 0.52)  # no line of a gate runs through points of the grid
    low, high = low - margin, high + margin
    x, y = (np.linspace(low[k], high[k], CELLS) for k in (0, 1))
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    return grid, (float(low[0]), float(high[0]), float(low[1]), float(high[1]))


def _regions(axes: Any, network: "Network", z: NDArray[Any], extent: tuple[float, float, float, float]) -> None:
    """Fill the region of each class with its colour, and draw the lines between them."""
    from matplotlib.colors import to_rgb

    label = predicted(network, z).reshape(CELLS, CELLS)
    tints = np.array([0.8 + 0.2 * np.array(to_rgb(colour)) for colour in COLOURS])
    axes.imshow(tints[label % len(COLOURS)], origin="lower", extent=extent, aspect="auto", interpolation="nearest")
    x, y = np.linspace(extent[0], extent[1], CELLS), np.linspace(extent[2], extent[3], CELLS)
    for margin in _margins(network, z):
        if margin.min() < 0 < margin.max():
            axes.contour(x, y, margin.reshape(CELLS, CELLS), levels=[0.0], colors=SIDE, linewidths=1.4)
    axes.grid(visible=False)


def _margins(network: "Network", z: NDArray[Any]) -> list[NDArray[np.float64]]:
    """Return functions (B,) whose zeros are the decision lines: one, or one per class."""
    if network.n_outputs == 1:
        return [z[:, 0].astype(np.float64) - network.threshold]
    if network.n_outputs == 2:
        return [(z[:, 1] - z[:, 0]).astype(np.float64)]
    return [(z[:, k] - np.delete(z, k, axis=1).max(axis=1)).astype(np.float64) for k in range(z.shape[1])]


def _points(
    axes: Any, dataset: "Dataset", points: NDArray[np.float64], y: NDArray[Any], right: NDArray[np.bool_]
) -> None:
    size = 110 if len(points) <= NAMED_POINTS else 22
    for number, name in enumerate(dataset.classes):
        own = y == number
        axes.scatter(points[own, 0], points[own, 1], s=size, color=COLOURS[number % len(COLOURS)], label=name,
                     marker=MARKERS[number % len(MARKERS)], edgecolor="white", linewidth=0.8, zorder=3)  # fmt: skip
    if not right.all():
        wrong = points[~right]
        axes.scatter(wrong[:, 0], wrong[:, 1], s=3 * size, facecolor="none", edgecolor="black", label="wrong",
                     linewidth=1.1, zorder=4)  # fmt: skip
    with styled():
        axes.legend(title="class", loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _names(axes: Any, points: NDArray[np.float64], names: list[str]) -> None:
    """Write the names of some points beside them; points in one place share a line."""
    spread = np.ptp(points, axis=0).max() or 1.0
    groups: list[tuple[NDArray[np.float64], list[str]]] = []
    for point, name in zip(points, names, strict=True):
        for place, there in groups:
            if np.abs(place - point).max() < 0.04 * spread:
                there.append(name)
                break
        else:
            groups.append((point, [name]))
    for place, there in groups:
        axes.annotate("\n".join(there), place, textcoords="offset points", xytext=(9, 5), fontsize=SMALL_SIZE, zorder=5)

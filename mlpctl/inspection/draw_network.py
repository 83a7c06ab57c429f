"""Draw a network: boxes with shapes for any, neurons and their weights for small ones."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.display.figure_style import COLOURS, GREY, entitle, panels, styled
from mlpctl.models.cost import cost_of, summary_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlpctl.models.network import Network

MOST_NEURONS, MOST_LAYERS = 16, 7
"""Units of a layer, and layers, up to which neurons are drawn."""

MOST_WRITTEN = 14
"""Connections up to which each weight is written beside its line."""

BOX_DISTANCE = 0.95
"""Inches from box to box."""

LIGHT = "#EEF4FA"
POSITIVE, NEGATIVE = COLOURS[0], COLOURS[1]


def draw_network(
    network: "Network",
    title: str,
    *,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    weights: Mapping[str, NDArray[Any]] | None = None,
) -> "Figure":
    """Return the figure of a network: a box per layer, and beside it the neurons where they are few.

    Args:
        network: to draw.
        title: above it.
        inputs: names of the inputs, if they have any.
        outputs: names of the outputs.
        weights: by name; their size and sign are drawn. None draws all connections alike.
    """
    sizes = [network.layers[0].inputs, *(layer.outputs for layer in network.layers)]
    small = max(sizes) <= MOST_NEURONS and len(network.layers) <= MOST_LAYERS
    height = max(BOX_DISTANCE * (len(sizes) + 1) + 0.6, 0.42 * max(sizes) + 1.2 if small else 0)
    width = 4.4 + (2.2 + 1.5 * len(sizes) if small else 0)
    figure, axes = panels(1, 1 + small, width, height, width_ratios=[4.4, width - 4.4] if small else [1.0])
    with styled():
        _boxes(axes[0], network, height)
        if small:
            _neurons(axes[1], network, sizes, inputs, outputs, weights)
    entitle(axes[0], title, over=True)
    return figure


def _boxes(axes: Any, network: "Network", height: float) -> None:
    """Draw a box per layer from the inputs down to the loss, with the shapes of what goes in and out.

    Args:
        axes: to draw in.
        network: to draw.
        height: of the figure in inches; boxes are equally tall in all figures.
    """
    boxes = [("inputs", f"out (B, {network.layers[0].inputs})", "")]
    for number, layer in enumerate(network.layers, start=1):
        shapes = f"in (B, {layer.inputs})   out (B, {layer.outputs})"
        parameters = cost_of(layer, first=number == 1).parameters
        boxes.append((f"{number}   {summary_of(layer)}", shapes, f"{parameters:,} parameters"))
    boxes.append((network.loss.replace("_", " "), f"in (B, {network.n_outputs})   out (B,)", ""))
    gap, tall = 1.0, 0.66
    for place, (name, shapes, size) in enumerate(boxes):
        y = -gap * place
        edge = place in (0, len(boxes) - 1)
        axes.add_patch(_box((0.0, y - tall / 2), 4.0, tall, "white" if edge else LIGHT, GREY if edge else COLOURS[0]))
        axes.text(0.14, y + 0.13, name, va="center", weight="bold", fontsize=9)
        axes.text(0.14, y - 0.16, shapes, va="center", fontsize=8, color="#333333")
        axes.text(3.86, y - 0.16, size, va="center", ha="right", fontsize=8, color="#555555")
        if place:
            axes.annotate(
                "", (2.0, y + tall / 2), (2.0, y + gap - tall / 2), arrowprops={"arrowstyle": "-|>", "color": "#555555"}
            )
    axes.set_xlim(-0.1, 4.1)
    axes.set_ylim(0.5 - gap * (height - 0.6) / BOX_DISTANCE, 0.5)
    axes.axis("off")


def _box(corner: tuple[float, float], width: float, height: float, face: str, edge: str) -> Any:
    from matplotlib.patches import FancyBboxPatch

    style = "round,pad=0,rounding_size=0.08"
    return FancyBboxPatch(corner, width, height, boxstyle=style, facecolor=face, edgecolor=edge, linewidth=1.0)


def _neurons(
    axes: Any,
    network: "Network",
    sizes: Sequence[int],
    inputs: Sequence[str],
    outputs: Sequence[str],
    weights: Mapping[str, NDArray[Any]] | None,
) -> None:
    """Draw the neurons in columns from left to right, every connection as strong as its weight."""
    across, radius = 1.5, 0.17
    tallest = max(sizes)
    places = [[(across * k, 0.5 * (n - 1) - i) for i in range(n)] for k, n in enumerate(sizes)]
    with_all = all(layer.bias and not layer.product for layer in network.layers)
    written = weights is not None and with_all and sum(a * b for a, b in pairwise(sizes)) <= MOST_WRITTEN
    for k, (left, right) in enumerate(pairwise(places)):
        W = None if weights is None else weights[f"{k}.weight"].astype(np.float64)
        largest = 1.0 if W is None or not np.abs(W).max() else float(np.abs(W).max())
        for i, start in enumerate(left):
            for j, end in enumerate(right):
                w = 0.0 if W is None else float(W[i, j])
                strength = abs(w) / largest
                colour = GREY if W is None else POSITIVE if w >= 0 else NEGATIVE
                axes.plot(*zip(start, end, strict=True), color=colour, zorder=1, solid_capstyle="butt",
                          linewidth=0.6 if W is None else 0.3 + 2.2 * strength,
                          alpha=0.6 if W is None else 0.25 + 0.75 * strength)  # fmt: skip
                if written:
                    _write(axes, f"{w:.3g}", start, end, 0.3 if (i + j) % 2 else 0.36, colour)
    for k, column in enumerate(places):
        for i, (x, y) in enumerate(column):
            axes.scatter(x, y, s=820 if written else 260, color="white", edgecolor="#333333", zorder=3, linewidth=1.2)
            if written and k and weights is not None:
                bias = f"{float(weights[f'{k - 1}.bias'][i]):+.3g}"
                axes.text(x, y, bias, ha="center", va="center", fontsize=7, color="#333333", zorder=4)
    for (x, y), name in zip(places[0], inputs, strict=False):
        axes.text(x - radius - 0.1, y, name, ha="right", va="center", fontsize=8)
    for (x, y), name in zip(places[-1], outputs, strict=False):
        axes.text(x + radius + 0.1, y, name, ha="left", va="center", fontsize=8)
    for k, layer in enumerate(network.layers, start=1):
        if layer.activation != "identity":
            above = places[k][0][1] + 1.6 * radius + 0.06 * tallest
            axes.text(across * k, above, layer.activation, ha="center", va="bottom", fontsize=8, color="#333333")
    notes = []
    if weights is not None:
        notes.append("blue: positive weight, orange: negative; the thicker, the larger in its layer")
        notes += ["in a unit: its bias"] if written else []
    axes.set_title("\n".join(notes), fontsize=7, color="#555555", y=-0.02, va="top", loc="center")
    longest = max((len(name) for name in inputs), default=0), max((len(name) for name in outputs), default=0)
    axes.set_xlim(-0.5 - 0.09 * longest[0], across * (len(sizes) - 1) + 0.5 + 0.09 * longest[1])
    axes.set_ylim(-0.5 * tallest - 0.2, 0.5 * tallest + 0.45)
    axes.axis("off")


def _write(
    axes: Any, text: str, start: tuple[float, float], end: tuple[float, float], share: float, colour: str
) -> None:
    x, y = (a + share * (b - a) for a, b in zip(start, end, strict=True))
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
    axes.text(x, y, text, ha="center", va="center", fontsize=7, color=colour, zorder=2, bbox=box)

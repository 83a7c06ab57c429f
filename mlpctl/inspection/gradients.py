"""Measure activations and gradients layer by layer: dead units, saturation, vanishing gradients.

Computed by the forward and backward pass of the implementation `manual`, on examples of the training part.
"""

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlpctl.data.minibatches import order_of
from mlpctl.display.tables import Cell, Table, for_people
from mlpctl.inspection.loader import gathered, manual_model

if TYPE_CHECKING:
    from torch import Tensor

    from mlpctl.data.prepare import Data
    from mlpctl.models.network import Network
    from mlpctl.spec import Spec
    from mlpctl.store.weights import Weights

SAMPLE = 4096
"""Examples of the sample: the whole training part of small sets; enough for two digits on large ones."""

STEEPEST = {"sigmoid": 0.25, "tanh": 1.0}
SATURATED_SLOPE = 0.05
"""An activation with two flat ends is saturated where its slope is under this share of its steepest."""

DEAD_SLOPE = 1e-6
"""A unit is dead if its slope is below this for every example: no gradient passes, and nothing will change that."""

VANISHING = 0.01
"""Share of the last layer's gradient (root mean square) below which a layer learns much more slowly."""

SHARES = ("dead", "saturated")
OF_GRADIENT = ("grad mean", "grad sd", "grad norm", "norm/weights")

EXPLAINED = (
    "dead: units whose slope is 0 for every example; saturated: activations with a slope under "
    f"{SATURATED_SLOPE:.0%} of the steepest (sigmoid, tanh)."
)


def sample_of(spec: "Spec", data: "Data") -> NDArray[np.int64]:
    """Return the rows of the sample: the first of the training part in the order of the first epoch."""
    rows = data.parts["train"]
    return np.asarray(rows[order_of(spec, 1, len(rows))[:SAMPLE]])


def statistics(
    network: "Network", spec: "Spec", weights: "Weights", data: "Data", rows: NDArray[np.int64]
) -> list[dict[str, Cell]]:
    """Return a row per layer: statistics of its activations, and of the gradient of the mean loss by its weights.

    Args:
        network: of the spec.
        spec: resolved.
        weights: by name.
        data: prepared for the spec.
        rows: the examples (B,); batch normalization sees them as one minibatch, nothing is dropped.
    """
    from mlpctl.models.losses import loss_and_gradient

    model = manual_model(network, spec, weights)
    X, y = gathered(data, rows)
    masks: list[Tensor | None] = [None] * len(network.layers)
    z, seen = model.forward(X, masks)
    losses, by_outputs = loss_and_gradient(network, z, y)
    gradients = model.backward(by_outputs / len(y), seen, masks)
    lines: list[dict[str, Cell]] = []
    for number, layer in enumerate(network.layers):
        a = seen[number + 1].X if number + 1 < len(seen) else z
        slope, gradient = seen[number].slope.abs(), gradients[f"{number}.weight"]
        weight = model.tensors[f"{number}.weight"]
        steepest = STEEPEST.get(layer.activation)
        norm, size = float(gradient.norm()), float(weight.norm())
        lines.append(
            {
                "layer": number + 1,
                "units": layer.outputs,
                "activation": layer.activation,
                "mean": float(a.mean()),
                "sd": float(a.std(correction=0)),
                "dead": float((slope.amax(dim=0) < DEAD_SLOPE).double().mean()),
                "saturated": None if steepest is None else float((slope < SATURATED_SLOPE * steepest).double().mean()),
                "grad mean": float(gradient.mean()),
                "grad sd": float(gradient.std(correction=0)),
                "grad norm": norm,
                "norm/weights": norm / size if size else None,
            }
        )
    assert math.isfinite(float(losses.mean())), "weights of a trial that ended well are finite"
    return lines


def gradient_tables(
    network: "Network", spec: "Spec", stages: "dict[str, Weights]", data: "Data", *, people: bool
) -> list[Table]:
    """Return the statistics at each stage of training: a table each for people, one with a column for machines.

    Args:
        network: of the spec.
        spec: resolved.
        stages: words such as "at initialization" -> weights.
        data: prepared for the spec.
        people: true for tables that people read.
    """
    rows = sample_of(spec, data)
    lines = {stage: statistics(network, spec, weights, data, rows) for stage, weights in stages.items()}
    if not people:
        flat = [{"when": stage, **line} for stage, some in lines.items() for line in some]
        return [Table(list(flat[0]), flat, "Gradients")]
    tables = []
    for stage, some in lines.items():
        when = stage.capitalize()
        activations = [{"layer": _layer(a), **{k: a[k] for k in ("mean", "sd", *SHARES)}} for a in some]
        gradients = [{"layer": _layer(a), **{k.removeprefix("grad "): a[k] for k in OF_GRADIENT}} for a in some]
        for line in activations:
            line |= {k: f"{float(line[k] or 0):.1%}" for k in SHARES if line[k] is not None}
        title = f"{when}: activations on {len(rows):,} training examples"
        tables.append(Table(["layer", "mean", "sd", *SHARES], activations, title, [EXPLAINED]))
        title = f"{when}: gradient of their mean loss by the weights"
        tables.append(Table(list(gradients[0]), gradients, title, findings(network, some)))
    return tables


def _layer(line: dict[str, Cell]) -> Cell:
    return f"{line['layer']} ({line['units']} {line['activation']})"


def findings(network: "Network", lines: list[dict[str, Cell]]) -> list[str]:
    """Return sentences about gradients that vanish or explode on their way to the first layer, dead units."""
    rms = root_mean_squares(network, lines)
    found = []
    if not any(rms):
        found.append("No weight has a gradient: no training step would change anything.")
    elif len(rms) > 1 and rms[0] < VANISHING * rms[-1]:
        found.append(
            f"The gradient vanishes: a weight of layer 1 has {for_people(rms[0] / rms[-1])} of the gradient of one of "
            f"layer {len(rms)} (root mean square)."
        )
    elif len(rms) > 1 and rms[-1] and rms[0] * VANISHING > rms[-1]:
        found.append(
            f"The gradient explodes: a weight of layer 1 has {for_people(rms[0] / rms[-1])} times the gradient of one "
            f"of layer {len(rms)} (root mean square)."
        )
    for line in lines[:-1]:
        dead = round(float(line["dead"] or 0) * int(line["units"] or 0))
        if dead and line["activation"] != "step":
            found.append(f"Layer {line['layer']}: {dead} of {line['units']} units are dead on these examples.")
    return found


def root_mean_squares(network: "Network", lines: list[dict[str, Cell]]) -> list[float]:
    """Return the root mean square of each layer's gradient by its weights: layers of any size compare."""
    sizes = (layer.inputs * layer.outputs for layer in network.layers)
    return [float(line["grad norm"] or 0) / math.sqrt(size) for line, size in zip(lines, sizes, strict=True)]

"""Count the parameters, FLOPs and memory of a network, layer by layer; nothing is trained."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlpctl.data.minibatches import steps_per_epoch, used_examples
from mlpctl.display.tables import Cell, Table
from mlpctl.models.constants import HAS_FIRST, HAS_SECOND, STATISTICS

if TYPE_CHECKING:
    from mlpctl.models.network import Layer, Network
    from mlpctl.spec import Spec

COUNTED_NOTE = "Forward, backward: multiplications and additions of the matrix products, per example."
KEPT_NOTE = "Activations: what the backward pass needs of a minibatch, outputs and slopes of every layer."


@dataclass(frozen=True)
class LayerCost:
    """Cost of one layer.

    Attributes:
        parameters: trained numbers.
        statistics: running means and variances of batch normalization.
        forward: FLOPs per example.
        backward: FLOPs per example.
        activations: numbers kept per example for the backward pass.
        masks: booleans kept per example, true for units that are kept.
    """

    parameters: int
    statistics: int
    forward: int
    backward: int
    activations: int
    masks: int


def cost_of(layer: "Layer", *, first: bool) -> LayerCost:
    """Return the cost of a layer; the first one needs no gradient with respect to its inputs."""
    sizes = {name: int(np.prod(shape)) for name, shape in layer.shapes.items()}
    products = 2 * layer.n_weights
    return LayerCost(
        parameters=sum(n for name, n in sizes.items() if name not in STATISTICS),
        statistics=sum(n for name, n in sizes.items() if name in STATISTICS),
        forward=products,
        backward=products if first else 2 * products,
        activations=layer.outputs * (2 + layer.batch_norm + (len(layer.maps) if layer.product else 0)),
        masks=layer.outputs if layer.dropout else 0,
    )


def costs_of(network: "Network") -> list[LayerCost]:
    """Return the cost of each layer."""
    return [cost_of(layer, first=not number) for number, layer in enumerate(network.layers)]


def layers_table(network: "Network", spec: "Spec", title: str, *, people: bool) -> Table:
    """Return a row per layer and one for all: shapes, parameters, FLOPs per example, bytes of weights and activations.

    Args:
        network: of the spec.
        spec: resolved; its batch size and type decide the bytes.
        title: of the table.
        people: bytes are rescaled for people, never for machines.
    """
    assert isinstance(spec.batch_size, int)
    size, batch = np.dtype(spec.dtype).itemsize, spec.batch_size
    rows: list[dict[str, Cell]] = [{"layer": "inputs", "output": f"(B, {network.layers[0].inputs})"}]
    costs = costs_of(network)
    for number, (layer, cost) in enumerate(zip(network.layers, costs, strict=True), start=1):
        rows.append(
            {
                "layer": f"{number} {summary_of(layer)}",
                "output": f"(B, {layer.outputs})",
                "parameters": cost.parameters,
                "forward FLOPs": cost.forward,
                "backward FLOPs": cost.backward,
                "weights": (cost.parameters + cost.statistics) * size,
                "activations": batch * (cost.activations * size + cost.masks),
            }
        )
    counted = ("parameters", "forward FLOPs", "backward FLOPs", "weights", "activations")
    total: dict[str, Cell] = {name: sum(int(row[name] or 0) for row in rows[1:]) for name in counted}
    rows.append({"layer": "all", **total})
    if people:  # the bytes of the weights are in the totals: a table must fit a terminal
        names = {"layer": "layer", "output": "output", "parameters": "parameters", "forward FLOPs": "forward",
                 "backward FLOPs": "backward", "activations": "activations"}  # fmt: skip
        rows = [{k: in_bytes(int(v or 0)) if k == "activations" else v for k, v in row.items()} for row in rows]
    else:
        names = {name: name for name in rows[1]}
        names |= {"weights": "weights (bytes)", "activations": "activations (bytes)"}
    shown = [{label: row[name] for name, label in names.items() if name in row} for row in rows]
    notes = [f"B = {batch}, {spec.dtype}. {COUNTED_NOTE}", KEPT_NOTE]
    return Table(list(names.values()), shown, title, notes)


def totals_table(network: "Network", spec: "Spec", n_train: int, *, people: bool) -> Table:
    """Return the table of the totals: FLOPs of an epoch, and bytes that training keeps in memory.

    Args:
        network: of the spec.
        spec: resolved.
        n_train: examples of the training part.
        people: bytes are rescaled for people, never for machines.
    """
    assert isinstance(spec.batch_size, int)
    costs, batch = costs_of(network), spec.batch_size
    parameters, statistics = sum(c.parameters for c in costs), sum(c.statistics for c in costs)
    used, steps = used_examples(spec, n_train), steps_per_epoch(spec, n_train)
    forward, backward = sum(c.forward for c in costs), sum(c.backward for c in costs)
    memory = memory_of(network, spec)
    rows: list[dict[str, Cell]] = [
        {"quantity": "parameters", "value": parameters, "unit": "numbers"},
        {"quantity": "running statistics", "value": statistics, "unit": "numbers"},
        {"quantity": "steps an epoch", "value": steps, "unit": f"minibatches of {batch}"},
        {"quantity": "forward", "value": used * forward, "unit": "FLOP an epoch"},
        {"quantity": "backward", "value": used * backward, "unit": "FLOP an epoch"},
    ]
    for what, n in {**memory, "all of it": sum(memory.values())}.items():
        rows.append({"quantity": f"memory: {what}", "value": n, "unit": "bytes"})
    if people:
        rows = [
            {**row, "value": in_bytes(int(row["value"] or 0)), "unit": ""}
            if row["unit"] == "bytes"
            else {**row, "value": f"{row['value']:,}"}
            for row in rows
        ]
    return Table(["quantity", "value", "unit"], rows, "Training")


def memory_of(network: "Network", spec: "Spec") -> dict[str, int]:
    """Return the memory of one trial in training by purpose, in bytes, without the data."""
    assert isinstance(spec.batch_size, int)
    costs, size, batch = costs_of(network), np.dtype(spec.dtype).itemsize, spec.batch_size
    parameters, statistics = sum(c.parameters for c in costs), sum(c.statistics for c in costs)
    moments = (spec.optimizer in HAS_FIRST) + (spec.optimizer in HAS_SECOND)
    return {
        "weights": (parameters + statistics) * size,
        "gradients": parameters * size,
        f"optimizer state ({spec.optimizer})": moments * parameters * size,
        "activations of a minibatch": batch * sum(c.activations * size + c.masks for c in costs),
        "inputs of a minibatch": batch * network.layers[0].inputs * size,
    }


def summary_of(layer: "Layer") -> str:
    """Return a layer in a few words: "dense, batch norm, relu"."""
    parts = ["product of two dense" if layer.product else "dense"]
    parts += ["batch norm"] if layer.batch_norm else []
    parts += [layer.activation] if layer.activation != "identity" else []
    parts += [f"dropout {layer.dropout:g}"] if layer.dropout else []
    return ", ".join(parts)


def in_bytes(n: int) -> str:
    """Return a number of bytes for people, as 1.5 MiB."""
    value = float(n)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            break
        value /= 1024
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.3g} {unit}"

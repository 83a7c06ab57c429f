"""Draw the initial weights of many lanes at once, on the device: those of `mlpctl.engines.initial_weights`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from mlpctl.engines.initial_weights import bias_bound, by_itself, initial_weights, law
from mlpctl.engines.lanes import random_numbers
from mlpctl.engines.lanes.arrays import Arrays, layer_and_parameter

if TYPE_CHECKING:
    from torch import Tensor

    from mlpctl.engines.base import Work
    from mlpctl.rng import Purpose

NUMBERS_AT_A_TIME = 2**24
"""Numbers drawn together: 128 MiB in float64, and a few times that on the way."""

PlacedWork = tuple[int, "Work"]
"""Position of a lane, and its trial."""


def start(arrays: Arrays, lanes: Sequence[PlacedWork]) -> None:
    """Set lanes to their initial weights, their optimizers to 0. No loop over lanes, but for rare kinds of weights."""
    drawn = [lane for lane in lanes if not by_itself(lane[1].spec)]
    for at, work in lanes:
        if by_itself(work.spec):
            arrays.fill(at, initial_weights(work.network, work.spec, work.start))
    depth = arrays.layout.depth
    for layer in range(depth):
        for shape in sorted({_shape(work, layer) for _, work in drawn}):
            alike = [lane for lane in drawn if _shape(lane[1], layer) == shape]
            _weights(arrays, layer, alike)
            _vectors(arrays, layer, alike)


def _shape(work: "Work", layer: int) -> tuple[int, int]:
    return work.network.layers[layer].inputs, work.network.layers[layer].outputs


def _weights(arrays: Arrays, layer: int, lanes: Sequence[PlacedWork]) -> None:
    """Set a layer's weights of lanes with the same shape there."""
    inputs, outputs = _shape(lanes[0][1], layer)
    where = random_numbers.place(arrays.device)
    laws = [law(work.network.layers[layer], work.spec) for _, work in lanes]
    for kind in sorted({kind for kind, _ in laws}):
        own = [k for k, (other, _) in enumerate(laws) if other == kind]
        for part in _parts(own, inputs * outputs):
            some = [lanes[k] for k in part]
            values = _values(kind, [laws[k][1] for k in part], some, inputs * outputs, layer, "weight", where)
            _write(arrays, f"{layer}.weight", some, values.view(len(some), inputs, outputs))


def _vectors(arrays: Arrays, layer: int, lanes: Sequence[PlacedWork]) -> None:
    """Set a layer's biases, and what belongs to its normalization, of lanes with the same shape there."""
    _, outputs = _shape(lanes[0][1], layer)
    where = random_numbers.place(arrays.device)
    bounds = [bias_bound(work.network.layers[layer], work.spec) for _, work in lanes]
    spread = [lane for lane, bound in zip(lanes, bounds, strict=True) if bound]
    if f"{layer}.bias" in arrays.tensors and spread:
        values = _values("uniform", [bound for bound in bounds if bound], spread, outputs, layer, "bias", where)
        _write(arrays, f"{layer}.bias", spread, values)
    for name in (f"{layer}.bn_weight", f"{layer}.running_var"):
        if name in arrays.tensors:
            _write(arrays, name, lanes, torch.ones(len(lanes), outputs))


def _values(
    kind: str,
    scales: Sequence[float],
    lanes: Sequence[PlacedWork],
    n: int,
    layer: int,
    purpose: "Purpose",
    where: torch.device,
) -> "Tensor":
    """Return (lanes, n) numbers; lanes of one seed share what is drawn."""
    scale = torch.tensor(scales, dtype=torch.float64, device=where)[:, None]
    if kind == "constant":
        return scale.expand(-1, n)
    rows = {seed: row for row, seed in enumerate(dict.fromkeys(work.spec.init_key for _, work in lanes))}
    drawer = random_numbers.uniforms if kind == "uniform" else random_numbers.normals
    drawn = drawer(torch.tensor(list(rows), device=where), purpose, n, layer=layer)  # (seeds, n)
    if len(rows) > 1:
        drawn = drawn[torch.tensor([rows[work.spec.init_key] for _, work in lanes], device=where)]  # (lanes, n)
    return scale * (2.0 * drawn - 1.0 if kind == "uniform" else drawn)


def _parts(numbers: Sequence[int], size: int) -> list[Sequence[int]]:
    """Return the numbers in parts that are drawn together."""
    step = max(1, NUMBERS_AT_A_TIME // size)
    return [numbers[k : k + step] for k in range(0, len(numbers), step)]


def _write(arrays: Arrays, name: str, lanes: Sequence[PlacedWork], values: "Tensor") -> None:
    """Write (lanes, outputs), or weights (lanes, inputs, outputs), to where these lanes lie."""
    layer, what = layer_and_parameter(name)
    target = arrays.tensors[name]
    values = values.to(target.dtype).to(target.device)  # MPS has no float64 to begin with
    if layer and what == "weight":
        values = values.reshape(len(lanes), -1)
    starts = (arrays.layout.elements if layer and what == "weight" else arrays.layout.columns)[layer]
    first = torch.tensor([starts[at] for at, _ in lanes], device=target.device)[:, None]
    index = (first + torch.arange(values.shape[-1], device=target.device)).reshape(-1)
    if values.dim() == 3:
        target.index_copy_(1, index, values.permute(1, 0, 2).reshape(values.shape[1], -1))  # (inputs, columns)
    else:
        target.index_copy_(0, index, values.reshape(-1))

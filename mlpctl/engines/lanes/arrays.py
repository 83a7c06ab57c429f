"""Hold the parameters of all lanes and the state of their optimizers on the device.

By name, as in the states of every engine: "0.weight" is one wide matrix (D, columns) whose rows begin on cache lines;
the weights of later layers lie one after the other; all others are a number per column.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch

from mlpctl.engines.lanes.layout import Layout, copies, leading
from mlpctl.models.learner import OPTIMIZER_PREFIX, memory_name

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

REMEMBERED: dict[str, tuple[str, ...]] = {
    "sgd": (),
    "momentum": ("velocity",),
    "nesterov": ("velocity",),
    "adam": ("mean", "square"),
    "adamw": ("mean", "square"),
    "rmsprop": ("square", "velocity"),
    "adagrad": ("square",),
}
"""Optimizer -> arrays that it keeps for every parameter."""

STATISTICS = ("running_mean", "running_var")


@dataclass(frozen=True, eq=False)
class Arrays:
    """Named tensors over all lanes.

    Attributes:
        layout: of the lanes.
        tensors: by name.
    """

    layout: Layout
    tensors: "dict[str, Tensor]"

    @property
    def device(self) -> torch.device:
        """Device of the arrays."""
        return self.tensors["0.weight"].device

    def parameters(self) -> Iterator[str]:
        """Yield the names of the parameters."""
        for name in self.tensors:
            if not name.startswith(OPTIMIZER_PREFIX) and not name.endswith(STATISTICS):
                yield name

    def place(self, name: str, first: int, last: int) -> "Tensor":
        """Return the part of an array that is some neighbouring lanes', as it lies there."""
        layer, what = layer_and_parameter(name)
        starts = (self.layout.elements if layer and what == "weight" else self.layout.columns)[layer]
        return self.tensors[name][..., starts[first] : starts[last]]

    def lane(self, lane: int) -> "dict[str, Tensor]":
        """Return views of the arrays of a lane; weights (inputs, outputs)."""
        return {name: self._matrix(name, lane, self.place(name, lane, lane + 1)) for name in self.tensors}

    def fill(self, lane: int, state: "Mapping[str, NDArray[Any]]") -> None:
        """Set a lane's arrays to those of a state; what it does not have is 0."""
        for name, view in self.lane(lane).items():
            if name in state:
                view.copy_(torch.from_numpy(state[name]))
            else:
                view.zero_()

    def take(self, old: "Arrays", sources: Sequence[int | None]) -> None:
        """Copy lanes over from an older layout; `sources` has, for each lane here, which it was there."""
        for target, source, lanes in copies(sources):
            for name in self.tensors:
                self.place(name, target, target + lanes).copy_(old.place(name, source, source + lanes))

    def not_finite(self) -> "Tensor":
        """Return (R,) whether anything of a lane is not finite."""
        bad = next(iter(self.tensors.values())).new_zeros(self.layout.n_lanes)
        for name, tensor in self.tensors.items():
            layer, what = layer_and_parameter(name)
            if layer and what == "weight":
                for span in self.layout.products(layer):
                    own = self.place(name, span.first, span.last).view(span.lanes, -1)
                    bad[span.first : span.last] += _not_finite(own, 1)
            else:
                per_column = _not_finite(tensor, 0) if tensor.dim() == 2 else ~torch.isfinite(tensor)
                bad.index_add_(0, self.lane_of_column[layer], per_column.to(bad.dtype))
        return bad > 0

    @cached_property
    def lane_of_column(self) -> "list[Tensor]":
        """Per layer, the lane of each column."""
        return [
            torch.from_numpy(self.layout.lanes_of_columns(layer)).to(self.device) for layer in range(self.layout.depth)
        ]

    def clone(self) -> "Arrays":
        """Return a copy."""
        return Arrays(self.layout, {name: tensor.clone() for name, tensor in self.tensors.items()})

    def to(self, device: torch.device) -> "Arrays":
        """Return the same arrays on another device."""
        return Arrays(self.layout, {name: tensor.to(device) for name, tensor in self.tensors.items()})

    def _matrix(self, name: str, lane: int, part: "Tensor") -> "Tensor":
        layer, what = layer_and_parameter(name)
        flat = layer and what == "weight"
        return part.view(self.layout.fan_in(layer, lane), self.layout.shapes[lane].widths[layer]) if flat else part


def allocate(layout: Layout, names: Sequence[str], optimizer: str, device: torch.device, dtype: torch.dtype) -> Arrays:
    """Return the arrays of a layout, all 0.

    Args:
        layout: of the lanes.
        names: of a lane's parameters and running statistics.
        optimizer: optimizer whose arrays go with the parameters.
        device: device of the arrays.
        dtype: dtype of all.
    """
    tensors = {name: _zeros(layout, name, device, dtype) for name in names}
    for name in names:
        for what in REMEMBERED[optimizer] if not name.endswith(STATISTICS) else ():
            tensors[memory_name(name, what)] = _zeros(layout, name, device, dtype)
    return Arrays(layout, tensors)


def wide(
    rows: int, columns: int, device: torch.device, dtype: torch.dtype, *, make: "Callable[..., Tensor]" = torch.zeros
) -> "Tensor":
    """Return a matrix (rows, columns) of zeros whose rows begin on cache lines, and not whole pages apart."""
    return make(rows, leading(columns, dtype.itemsize), device=device, dtype=dtype)[:, :columns]


def layer_and_parameter(name: str) -> tuple[int, str]:
    """Return (layer, parameter) of an array's name, of a parameter or of an optimizer's array for it."""
    layer, _, what = name.removeprefix(OPTIMIZER_PREFIX).partition("/")[0].partition(".")
    return int(layer), what


def whole(part: "Tensor") -> "Tensor":
    """Return a wide matrix, or what has a number per column of one, with its padding: then it is contiguous.

    Only so does CUDA add a bias inside of the product; as a part it would write, read and write the matrix.
    """
    if part.dim() == 1:
        return part.as_strided((leading(len(part), part.itemsize),), (1,))
    return part.as_strided((part.shape[0], part.stride(0)), part.stride())


def _not_finite(matrix: "Tensor", dim: int) -> "Tensor":
    """Return whether there is a number along an axis that is not finite, without a copy of all of them."""
    low, high = torch.aminmax(matrix, dim=dim)  # both are NaN where one is
    return ~(torch.isfinite(low) & torch.isfinite(high))


def _zeros(layout: Layout, name: str, device: torch.device, dtype: torch.dtype) -> "Tensor":
    layer, what = layer_and_parameter(name)
    if what != "weight":
        columns = layout.columns[layer][-1]
        return torch.zeros(leading(columns, dtype.itemsize), device=device, dtype=dtype)[:columns]
    if layer:
        return torch.zeros(layout.elements[layer][-1], device=device, dtype=dtype)
    return wide(layout.inputs, layout.columns[0][-1], device, dtype)

"""Place each lane in the wide matrices of a program. Pure: no torch."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

LINE, PAGE = 64, 4096
"""A row begins on a cache line, and rows are not whole pages apart: then all of a column would be in one cache set."""


@dataclass(frozen=True)
class LaneShape:
    """Properties that place a lane.

    Attributes:
        cohort: the seed of its minibatches and its epoch: lanes of one cohort see the same minibatches.
        activations: of each layer.
        widths: outputs of each layer.
    """

    cohort: tuple[int, int]
    activations: tuple[str, ...]
    widths: tuple[int, ...]


@dataclass(frozen=True)
class Span:
    """Neighbouring lanes with something in common.

    Attributes:
        first: lane.
        last: lane, exclusive.
        start: column.
        stop: column, exclusive.
    """

    first: int
    last: int
    start: int
    stop: int

    @property
    def lanes(self) -> int:
        """Number of lanes."""
        return self.last - self.first

    @property
    def width(self) -> int:
        """Columns of a lane, where all lanes of the span are equally wide."""
        return (self.stop - self.start) // self.lanes


@dataclass(frozen=True)
class Layout:
    """Lanes in order: by cohort, activation, width, and otherwise as they were.

    Attributes:
        inputs: D.
        shapes: of the lanes, in order.
    """

    inputs: int
    shapes: tuple[LaneShape, ...]

    @property
    def n_lanes(self) -> int:
        """R."""
        return len(self.shapes)

    @property
    def depth(self) -> int:
        """L."""
        return len(self.shapes[0].widths)

    @cached_property
    def columns(self) -> tuple[tuple[int, ...], ...]:
        """Per layer, the first column of each lane in a matrix of units, and behind the last lane their number."""
        return tuple(_offsets([shape.widths[layer] for shape in self.shapes]) for layer in range(self.depth))

    @cached_property
    def elements(self) -> tuple[tuple[int, ...], ...]:
        """Per layer, the first element of each lane's weights, where they lie one after the other."""
        return tuple(_offsets([self.fan_in(layer, r) * s.widths[layer] for r, s in enumerate(self.shapes)])
                     for layer in range(self.depth))  # fmt: skip

    @cached_property
    def cohorts(self) -> tuple[tuple[int, int], ...]:
        """Cohorts, in order."""
        return tuple(dict.fromkeys(shape.cohort for shape in self.shapes))

    def fan_in(self, layer: int, lane: int) -> int:
        """Return the inputs of a lane's layer."""
        return self.shapes[lane].widths[layer - 1] if layer else self.inputs

    def products(self, layer: int) -> list[Span]:
        """Return the spans whose affine maps have one shape, so that they are one strided product; not the first's."""
        return self._products[layer]

    def activations(self, layer: int) -> list[tuple[str, Span]]:
        """Return the spans of each activation."""
        return self._activations[layer]

    @cached_property
    def minibatches(self) -> list[Span]:
        """Columns of the first layer that see the same minibatch, per cohort."""
        return self._spans(0, [shape.cohort for shape in self.shapes])

    def masks(self, layer: int) -> list[Span]:
        """Return the spans whose dropout masks are cut from the same random numbers."""
        return self._spans(layer, [(shape.cohort, shape.widths[layer]) for shape in self.shapes])

    def lanes_of_columns(self, layer: int) -> NDArray[np.int64]:
        """Return the lane of each column."""
        return np.repeat(np.arange(self.n_lanes), np.diff(self.columns[layer]))

    @cached_property
    def _products(self) -> list[list[Span]]:
        return [self._spans(layer, [(self.fan_in(layer, r), s.widths[layer]) for r, s in enumerate(self.shapes)])
                for layer in range(self.depth)]  # fmt: skip

    @cached_property
    def _activations(self) -> list[list[tuple[str, Span]]]:
        found = []
        for layer in range(self.depth):
            spans = self._spans(layer, [shape.activations[layer] for shape in self.shapes])
            found.append([(self.shapes[span.first].activations[layer], span) for span in spans])
        return found

    def _spans(self, layer: int, keys: Sequence[Hashable]) -> list[Span]:
        columns = self.columns[layer]
        return [Span(first, last, columns[first], columns[last]) for first, last in spans(keys)]


def arrange(shapes: Sequence[LaneShape]) -> list[int]:
    """Return the lanes in the order they are laid out in."""
    return sorted(range(len(shapes)), key=lambda r: (shapes[r].cohort, shapes[r].activations, shapes[r].widths, r))


def spans(keys: Sequence[Hashable]) -> list[tuple[int, int]]:
    """Return (first, last + 1) of every stretch of equal neighbours."""
    starts = [k for k in range(len(keys)) if not k or keys[k] != keys[k - 1]]
    return list(pairwise([*starts, len(keys)]))


def copies(sources: Sequence[int | None]) -> list[tuple[int, int, int]]:
    """Return (first target, first source, lanes) of every stretch that can be copied in one go.

    Args:
        sources: for each new lane, which old lane it was; None for one that was none.
    """
    keys = [None if source is None else source - target for target, source in enumerate(sources)]
    return [(first, source, last - first) for first, last in spans(keys) if (source := sources[first]) is not None]


def leading(columns: int, itemsize: int) -> int:
    """Return the distance of two rows of so many columns, in elements."""
    bytes_ = -(-columns * itemsize // LINE) * LINE
    return (bytes_ + LINE * (bytes_ % PAGE == 0)) // itemsize


def _offsets(sizes: Sequence[int]) -> tuple[int, ...]:
    return (0, *accumulate(sizes))

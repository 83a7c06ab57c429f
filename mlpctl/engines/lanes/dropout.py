"""Cut the dropout masks of all lanes, on the device, from the random numbers that every engine draws."""

from typing import TYPE_CHECKING

import torch

from mlpctl.engines.lanes import random_numbers
from mlpctl.engines.lanes.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from mlpctl.engines.base import Work


class Dropout:
    """Units that are kept, and their scale. The masks of a cohort's lanes are cut from one stream of words."""

    def __init__(self, layout: Layout, works: "Sequence[Work]", device: torch.device, dtype: torch.dtype) -> None:
        """Prepare for lanes in the order of a layout."""
        self.layout = layout
        self.seeds = torch.tensor([seed for seed, _ in layout.cohorts], device=device)
        self.number = {cohort: k for k, cohort in enumerate(layout.cohorts)}
        self.layers = [
            layer for layer in range(layout.depth) if any(work.network.layers[layer].dropout for work in works)
        ]
        self.spans = {layer: layout.masks(layer) for layer in self.layers}
        self.below, self.kept = {}, {}
        for layer in self.layers:
            p = torch.tensor([work.network.layers[layer].dropout for work in works], dtype=torch.float64)
            lanes = torch.from_numpy(layout.lanes_of_columns(layer))
            self.below[layer] = (p * 2**32).long().to(device)  # a word below it drops the unit
            self.kept[layer] = (1 - p)[lanes].to(dtype).to(device)  # per column

    def mask(self, layer: int, n: int, epochs: "Tensor", step: "Tensor") -> "Tensor":
        """Return which units (n, columns) are kept in a step.

        Args:
            layer: with dropout.
            n: examples.
            epochs: of each cohort, in training.
            step: (1,), of the epoch.
        """
        shapes = self.layout.shapes
        most = n * max(shape.widths[layer] for shape in shapes)
        words = random_numbers.words(
            self.seeds, "dropout", most, epoch=epochs, layer=layer, extra=step
        )  # (cohorts, most)
        mask = torch.empty(n, self.layout.columns[layer][-1], dtype=torch.bool, device=words.device)
        for span in self.spans[layer]:
            drawn = words[self.number[shapes[span.first].cohort], : n * span.width].view(n, 1, span.width)
            below = self.below[layer][span.first : span.last].view(1, -1, 1)
            torch.ge(drawn, below, out=mask[:, span.start : span.stop].view(n, span.lanes, span.width))
        return mask

    def drop(self, layer: int, x: "Tensor", mask: "Tensor") -> "Tensor":
        """Return units with what is dropped 0 and what is kept scaled up."""
        return torch.where(mask, x / self.kept[layer], 0.0)

    def drop_(self, layer: int, gradient: "Tensor", mask: "Tensor") -> None:
        """Do the same to their gradients, in place."""
        gradient.div_(self.kept[layer]).masked_fill_(mask.logical_not(), 0.0)

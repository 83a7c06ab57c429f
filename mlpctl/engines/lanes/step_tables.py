"""Make the tables that the steps of an epoch read on the device: examples and hyperparameters, a row per step."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from mlpctl.data.minibatches import steps_per_epoch, used_examples
from mlpctl.engines.lanes import random_numbers
from mlpctl.engines.lanes.layout import Layout
from mlpctl.engines.lanes.optimizers import CORRECTED, STEP_NUMBERS, Numbers, lane_numbers, step_numbers
from mlpctl.engines.schedule import rates_of

if TYPE_CHECKING:
    from torch import Tensor

    from mlpctl.engines.base import Work


class Tables:
    """Tensors that stay where they are and are filled anew for each epoch."""

    def __init__(self, layout: Layout, works: "Sequence[Work]", train: "Tensor", dtype: torch.dtype) -> None:
        """Make tables for some lanes in the order of a layout, whose training part are the rows `train`."""
        spec, device = works[0].spec, train.device
        assert isinstance(spec.batch_size, int)
        self.works, self.train, self.batch = works, train, spec.batch_size
        self.used, self.steps = used_examples(spec, len(train)), steps_per_epoch(spec, len(train))
        starts = np.arange(self.steps) * self.batch
        self.sizes: NDArray[np.int64] = np.minimum(self.used - starts, self.batch)
        self.seeds = torch.tensor([seed for seed, _ in layout.cohorts])
        self.rows = torch.zeros(self.steps, len(self.seeds), self.batch, dtype=torch.int64, device=device)
        self.step_numbers = torch.zeros(self.steps, len(STEP_NUMBERS), layout.n_lanes, dtype=dtype, device=device)
        self.lane_numbers = torch.from_numpy(lane_numbers(works)).to(dtype).to(device)
        self.epochs = torch.zeros(len(self.seeds), dtype=torch.int64, device=device)
        self.t = torch.zeros(1, dtype=torch.int64, device=device)
        self.number = {cohort: k for k, cohort in enumerate(layout.cohorts)}
        self.first = torch.tensor([epoch for _, epoch in layout.cohorts])
        self.rates: NDArray[np.float64] = np.zeros((self.steps, layout.n_lanes))
        self.moves = [lane for lane, work in enumerate(works) if work.spec.lr_schedule != "constant"]
        self.filled = False

    def fill(self, epochs: Sequence[int], elapsed: int) -> None:
        """Set the tables for an epoch.

        Args:
            epochs: that each lane trains, from 1.
            elapsed: epochs since the layout was made.
        """
        place = random_numbers.place(self.train.device)
        now = self.first + 1 + elapsed
        if self.works[0].spec.shuffle:
            order = random_numbers.orders(self.seeds.to(place), now.to(place), len(self.train)).to(self.train.device)
            visited = self.train[order[:, : self.used]]  # (cohorts, used)
        else:
            visited = self.train[: self.used].expand(len(self.seeds), -1)
        whole = self.used // self.batch
        full = torch.unflatten(visited[:, : whole * self.batch], 1, (whole, self.batch))  # (cohorts, whole, batch)
        self.rows[:whole].copy_(full.transpose(0, 1))
        if whole < self.steps:
            self.rows[whole, :, : self.used - whole * self.batch].copy_(visited[:, whole * self.batch :])
        self.epochs.copy_(now)
        if not self.filled:
            self.rates[:] = [work.spec.lr for work in self.works]
        for lane in self.moves:
            self.rates[:, lane] = rates_of(self.works[lane].spec, epochs[lane], 1, self.steps)[0]
        if not self.filled or self.moves or self.works[0].spec.optimizer in CORRECTED:
            done = (np.array(epochs, dtype=np.int64) - 1) * self.steps
            numbers = step_numbers(self.works, self.rates, done, self.sizes)
            self.step_numbers.copy_(torch.from_numpy(numbers).to(self.step_numbers.dtype))
        self.filled = True
        self.t.zero_()

    def now(self, n: int) -> "tuple[Tensor, Numbers]":
        """Return the rows (cohorts, n) and the hyperparameters of the step that is due."""
        rows = self.rows.index_select(0, self.t)[0, :, :n]
        return rows, Numbers(self.step_numbers.index_select(0, self.t)[0], self.lane_numbers)

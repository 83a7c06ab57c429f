"""Hold a dataset on the device, for all trials that agree on its split and scaling."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

    from mlpctl.data.prepare import Data


@dataclass(frozen=True)
class Targets:
    """Targets of a part, as scores need them: their number and, per target, the sums of values and of squares."""

    n: int
    total: NDArray[np.float64]
    squares: NDArray[np.float64]


@dataclass(eq=False)
class Resident:
    """Inputs as they are stored: bytes stay bytes until a minibatch is gathered.

    Attributes:
        data: dataset, with dense inputs.
        device: device that holds it.
    """

    data: "Data"
    device: torch.device

    def __post_init__(self) -> None:
        """Copy the data to the device; on the CPU nothing is copied but the classes."""
        assert isinstance(self.data.X, np.ndarray)
        self.X = torch.from_numpy(self.data.X).to(self.device)
        y = torch.from_numpy(self.data.y)
        self.y = (y.long() if self.data.n_classes else y).to(self.device)
        self.scale, self.shift = self._there(self.data.scale), self._there(self.data.shift)

    @cached_property
    def parts(self) -> "dict[str, Tensor]":
        """Rows of each part."""
        return {name: torch.from_numpy(rows).to(self.device) for name, rows in self.data.parts.items()}

    @cached_property
    def targets(self) -> dict[str, Targets]:
        """Targets of each part."""
        numbers = self.data.y.astype(np.float64)
        parts = {name: numbers[rows] for name, rows in self.data.parts.items()}
        return {name: Targets(len(y), y.sum(axis=0), (y**2).sum(axis=0)) for name, y in parts.items()}

    def gather(self, rows: "Tensor") -> "tuple[Tensor, Tensor]":
        """Return the inputs (n, D) and the targets (n,) or (n, C) of rows (n,)."""
        X, y = self.X.index_select(0, rows), self.y.index_select(0, rows)
        if self.scale is not None and self.shift is not None:
            X = torch.addcmul(self.shift, X.to(self.scale.dtype), self.scale)
        return X, y

    def _there(self, array: "NDArray[Any] | None") -> "Tensor | None":
        return None if array is None else torch.from_numpy(array).to(self.device)

"""Sum scores over examples for all lanes at once, on the device; `mlpctl.engines.scoring` makes scores of them."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from mlpctl.engines.lanes.dataset import Targets
from mlpctl.engines.scoring import Scores, Tally

if TYPE_CHECKING:
    from torch import Tensor

    from mlpctl.models.network import Network


class ScoreSums:
    """Sums (R, ·): losses, then right answers, or per target the squared and then the absolute errors."""

    def __init__(self, network: "Network", lanes: int, device: torch.device) -> None:
        """Start at 0."""
        self.network = network
        dtype = torch.float32 if device.type == "mps" else torch.float64
        self.sums = torch.zeros(
            lanes, 1 + (1 if network.n_classes else 2 * network.n_outputs), device=device, dtype=dtype
        )

    def add(self, losses: "Tensor", z: "Tensor", y: "Tensor") -> None:
        """Count examples: losses (n, R), outputs (n, R, C), and targets (n, R) or (n, R, C), or with R = 1 for all."""
        self.sums[:, 0] += losses.sum(dim=0, dtype=self.sums.dtype)
        if self.network.n_classes:
            self.sums[:, 1] += (predicted(self.network, z) == y).sum(dim=0)
            return
        error = z.to(self.sums.dtype) - y
        targets = error.shape[2]
        self.sums[:, 1 + targets :] += error.abs().sum(dim=0)
        self.sums[:, 1 : 1 + targets] += error.square_().sum(dim=0)


def predicted(network: "Network", z: "Tensor") -> "Tensor":
    """Return the predicted classes (n, R) of outputs (n, R, C), as `mlpctl.engines.scoring.predicted` has them."""
    if network.n_outputs == 1:
        largest = z[..., 0]
        label = (largest > network.threshold).long()
    else:
        largest, label = z.max(dim=2)  # NaN where any is, and the first of equals
    return label.masked_fill_(torch.isnan(largest), -1)


def scores_of(network: "Network", sums: NDArray[np.float64], part: Targets) -> list[Scores]:
    """Return each lane's scores of a part, from its row of Counts."""
    if network.n_classes:
        loss, right = (sums[:, :2] / part.n).T.tolist()
        return [{"loss": value, "accuracy": share} for value, share in zip(loss, right, strict=True)]
    end = 1 + network.n_outputs
    tallies = (Tally(part.n, float(own[0]), 0, own[end:], own[1:end], part.total, part.squares) for own in sums)
    return [tally.scores(network) for tally in tallies]

"""Define the lanes engine: the specs it can train, and its sessions."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlpctl.engines.base import Session
from mlpctl.engines.precision import Precision

if TYPE_CHECKING:
    from mlpctl.data.prepare import Data
    from mlpctl.spec import Spec


@dataclass(frozen=True)
class LanesEngine:
    """See `mlpctl.engines.base.Engine`.

    Attributes:
        precision: of products of float32 matrices.
        name: as registered.
    """

    precision: Precision = "fp32"
    name: str = "lanes"

    def why_not(self, spec: "Spec", data: "Data") -> str | None:
        """Return why this engine cannot train a spec; None if it can: dense inputs, one affine map a layer."""
        if spec.impl != "auto":
            return f"impl {spec.impl} is an implementation of the reference engine"
        if spec.model == "parallel":
            return "a lane has one affine map a layer, and model parallel multiplies two"
        if spec.class_weight is not None:
            return "lanes count all classes alike"
        if spec.l1 or not spec.decay_biases:
            return "lanes decay weights and biases alike, and have no l1"
        if spec.patience is not None:
            return "lanes train all their epochs, and patience ends some"
        return None if isinstance(data.X, np.ndarray) else "lanes take dense inputs, and these are sparse"

    def open(self, device: str, jobs: int, threads: int) -> Session:  # noqa: ARG002
        """Return a session; the number of trials in training at a time is measured.

        Raises:
            DeviceError: if the device is not there, or cannot multiply in the precision asked for.
        """
        from mlpctl.engines.lanes.session import open_session

        return open_session(device, self.precision, threads)


ENGINE = LanesEngine()

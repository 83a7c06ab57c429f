"""Define the kernel engine: the specs it can train, and its sessions."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlpctl.engines.base import Session

if TYPE_CHECKING:
    from mlpctl.data.prepare import Data
    from mlpctl.spec import Spec


@dataclass(frozen=True)
class KernelEngine:
    """See `mlpctl.engines.base.Engine`. It imports neither torch nor numba."""

    name: str = "kernel"

    def why_not(self, spec: "Spec", data: "Data") -> str | None:  # noqa: ARG002
        """Return why this engine cannot train a spec; None if it can: every dense stack on the CPU."""
        if spec.impl != "auto":
            return f"impl {spec.impl} is an implementation of the reference engine"
        if spec.model == "parallel":
            return "the compiled loop has one affine map a layer, and model parallel multiplies two"
        if isinstance(spec.dropout, tuple):
            return "the compiled loop drops the units of all layers alike"
        if spec.class_weight is not None:
            return "the compiled loop counts all classes alike"
        if spec.l1 or not spec.decay_biases:
            return "the compiled loop decays weights and biases alike, and has no l1"
        return None if spec.bias else "the compiled loop has a bias in every layer, and bias is false"

    def open(self, device: str, jobs: int, threads: int) -> Session:  # noqa: ARG002
        """Return a session; every trial has one thread, and no use for more.

        Raises:
            DeviceError: for a device that is not the CPU.
        """
        from mlpctl.engines.kernel.session import open_session

        return open_session(device, jobs)


ENGINE = KernelEngine()

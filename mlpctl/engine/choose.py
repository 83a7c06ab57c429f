"""Which engine and device train a trial."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlpctl.engine.base import Engine
from mlpctl.engine.order import steps_per_epoch
from mlpctl.errors import UsageError
from mlpctl.registry import resolve

if TYPE_CHECKING:
    from mlpctl.data.prepare import Data
    from mlpctl.models.network import Network
    from mlpctl.spec import Spec

COMPILE_SECONDS = 15.0
"""What compiling the kernel costs, once per machine and type of inputs."""

REFERENCE_FLOPS, REFERENCE_STEP = 6e10, 150e-6
"""Rate of the reference engine's products on one core, and its time per step beside them: 150 µs of torch calls."""


@dataclass(frozen=True)
class Choice:
    """What trains a trial.

    Attributes:
        engine: by interface.
        device: cpu, cuda, cuda:N or mps.
        note: what the user should know of it, or "".
    """

    engine: Engine
    device: str
    note: str = ""


def choose(spec: "Spec", network: "Network", data: "Data", *, engine: str, device: str, trials: int) -> Choice:
    """Return the engine and the device for a spec; what the spec names wins over what the run asks for.

    auto is the kernel on the CPU. Where that is not compiled yet and the reference engine would be done before the
    compiler, it is the reference engine.

    Args:
        spec: resolved.
        network: of the spec.
        data: prepared for it.
        engine: the run's engine, or auto.
        device: the run's device, or auto.
        trials: about how many such trials the run has.

    Raises:
        UsageError: if the engine that is named cannot train the spec.
    """
    device = spec.device if spec.device != "auto" else device
    name = spec.engine if spec.engine != "auto" else engine
    kernel: Engine = resolve("engine", "kernel")
    if name == "auto":
        reason = kernel.why_not(spec, data) if device in ("auto", "cpu") else "it trains on the CPU alone"
        if reason:
            named = spec.impl != "auto" or device not in ("auto", "cpu")  # then the user knows
            note = "" if named else f"trained by the reference engine: {reason}"
            return Choice(resolve("engine", "reference"), _place(device), note)
        from mlpctl.engine.kernel.cache import is_compiled

        if is_compiled(data.X.dtype, spec.dtype):
            return Choice(kernel, "cpu")
        if trials * reference_seconds(spec, network, data) < COMPILE_SECONDS:
            return Choice(resolve("engine", "reference"), "cpu")
        return Choice(kernel, "cpu", f"compiling the training loop, once on this machine: {COMPILE_SECONDS:.0f} s")
    chosen: Engine = resolve("engine", name)
    reason = chosen.why_not(spec, data)
    if reason:
        raise UsageError(f"engine {name} cannot train this: {reason}; use --engine auto")
    return Choice(chosen, _place(device))


def reference_seconds(spec: "Spec", network: "Network", data: "Data") -> float:
    """Return about how long the reference engine takes for a trial, in seconds."""
    steps = steps_per_epoch(spec, data.n_train)
    per_epoch = data.n_train * network.flops_per_example / REFERENCE_FLOPS + steps * REFERENCE_STEP
    return (spec.epochs or 0) * per_epoch


def _place(device: str) -> str:
    return "cpu" if device == "auto" else device

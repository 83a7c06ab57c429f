"""Which engine and device train a trial."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlpctl.engine.base import Engine, Work
from mlpctl.engine.expected import Load
from mlpctl.engine.precision import Precision
from mlpctl.errors import UsageError
from mlpctl.gpu import cuda_here
from mlpctl.machine import usable_cores
from mlpctl.registry import resolve

if TYPE_CHECKING:
    from mlpctl.data.prepare import Data
    from mlpctl.models.network import Network
    from mlpctl.spec import Spec

COMPILE_SECONDS = 15.0
"""What compiling the kernel costs, once per machine and type of inputs."""

CUDA_SECONDS = 10.0
"""Work that takes the CPU less is left to it: importing torch, waking the GPU and recording graphs take seconds."""


@dataclass(frozen=True)
class Choice:
    """What trains a trial.

    Attributes:
        engine: by interface.
        device: cpu, cuda, cuda:N or mps.
        note: what the user should know of it, or "".
        compiles: the engine compiles before it trains.
    """

    engine: Engine
    device: str
    note: str = ""
    compiles: bool = False


def choose(work: Work, *, engine: str, device: str, load: Callable[[], Load], precision: Precision = "fp32") -> Choice:
    """Return the engine and the device for a spec; what the spec names wins over what the run asks for.

    auto is the engine that is done first: on a CUDA GPU lanes, where there is work for longer than a GPU takes to
    start; else the kernel on the CPU. Where that is not compiled yet and the reference engine would be done before the
    compiler, it is the reference engine. What an engine cannot train is left to the reference engine, on the same
    device.

    Args:
        work: a trial.
        engine: the run's engine, or auto.
        device: the run's device, or auto.
        load: about what the whole run takes; asked where that decides.
        precision: of products of float32 matrices, in the engine lanes.

    Raises:
        UsageError: if the engine that is named cannot train the spec, or has no choice of precision.
        DeviceError: if mps is asked for and not there, or for what it cannot do.
    """
    spec = work.spec
    device = spec.device if spec.device != "auto" else device
    name = spec.engine if spec.engine != "auto" else engine
    if name == "auto":
        choice = _auto(work, device, load)
    else:
        choice = Choice(resolve("engine", name), _place(device))
        reason = choice.engine.why_not(spec, work.data)
        if reason:
            raise UsageError(f"engine {name} cannot train this: {reason}; use --engine auto")
    if choice.engine.name == "lanes":
        lanes: Any = choice.engine
        return replace(choice, engine=replace(lanes, precision=precision))
    if precision != "fp32" and choice.device == "cpu":
        raise UsageError(
            f"precision {precision} needs engine lanes, and {choice.engine.name} trains this: use --device cuda, "
            "or leave --precision out"
        )
    return choice


def _auto(work: Work, device: str, load: Callable[[], Load]) -> Choice:
    spec, network, data = work.spec, work.network, work.data
    kernel, lanes, reference = (resolve("engine", name) for name in ("kernel", "lanes", "reference"))
    note = ""
    if device == "auto" and not lanes.why_not(spec, data) and cuda_here():
        seconds = load().kernel / usable_cores()
        if seconds > CUDA_SECONDS:
            device = "cuda"
            note = f"trained by engine lanes on the GPU: about {seconds:.0f} s on this CPU; or say --device cpu"
    if device == "mps" or device.startswith("cuda"):
        reason = lanes.why_not(spec, data) or (_lacks_on_mps(spec, network, data) if device == "mps" else None)
        if reason:
            note = "" if spec.impl != "auto" else f"trained one by one by the reference engine on {device}: {reason}"
            return Choice(reference, device, note)
        return Choice(lanes, device, note)
    reason = kernel.why_not(spec, data) if device in ("auto", "cpu") else "it trains on the CPU alone"
    if reason:
        named = spec.impl != "auto" or device not in ("auto", "cpu")  # then the user knows
        return Choice(reference, _place(device), "" if named else f"trained by the reference engine: {reason}")
    from mlpctl.engine.kernel.cache import is_compiled

    if is_compiled(data.X.dtype, spec.dtype):
        return Choice(kernel, "cpu")
    if load().reference < COMPILE_SECONDS:
        told = "trained by the reference engine, done before the training loop would be compiled"
        return Choice(reference, "cpu", f"{told}; --engine kernel compiles it, once: {COMPILE_SECONDS:.0f} s")
    told = f"compiling the training loop, once on this machine: {COMPILE_SECONDS:.0f} s"
    return Choice(kernel, "cpu", told, compiles=True)


def _lacks_on_mps(spec: "Spec", network: "Network", data: "Data") -> str:
    """Return what Apple's GPU lacks for the lanes of a spec; "" if nothing.

    Raises:
        DeviceError: if there is none, or float64 is asked of it.
    """
    from mlpctl.devices import torch_device
    from mlpctl.engine.base import Work
    from mlpctl.engine.lanes.probe import lacks

    return lacks(Work("", spec, network, data, 1), torch_device("mps", spec.dtype))


def _place(device: str) -> str:
    return "cpu" if device == "auto" else device

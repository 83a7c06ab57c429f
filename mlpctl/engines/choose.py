"""Choose the engine and the device for a trial."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlpctl.engines.base import Engine, Work
from mlpctl.engines.expected_time import Load
from mlpctl.engines.precision import Precision
from mlpctl.errors import UsageError
from mlpctl.models.own import OwnNetwork
from mlpctl.registry import import_registered
from mlpctl.system.facts import has_cuda, usable_cores

if TYPE_CHECKING:
    from mlpctl.data.prepare import Data
    from mlpctl.models.network import Network
    from mlpctl.spec import Spec

TORCH_SECONDS = 2.0
"""Seconds to import torch, and of its first steps."""

CUDA_SECONDS = 10.0
"""Work that takes the CPU less is left to it: importing torch, waking the GPU and recording graphs take seconds."""


@dataclass(frozen=True)
class Choice:
    """Engine and device for a trial.

    Attributes:
        engine: engine.
        device: cpu, cuda, cuda:N or mps.
        note: sentence for the user, or "".
        once: the note is for one command on a machine.
        missing: functions of the kernel to compile: before it trains, or beside what the reference engine trains.
    """

    engine: Engine
    device: str
    note: str = ""
    once: bool = False
    missing: tuple[str, ...] = ()


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
        load: about what the run takes that is left; asked where that decides.
        precision: of products of float32 matrices, in the engine lanes.

    Raises:
        UsageError: if the engine that is named cannot train the spec, or has no choice of precision.
        DeviceError: if mps is asked for and not there, or for what it cannot do.
    """
    spec = work.spec
    device = spec.device if spec.device != "auto" else device
    name = spec.engine if spec.engine != "auto" else engine
    if isinstance(work.network, OwnNetwork):  # a resolved spec of it names no other engine
        if name not in ("auto", "reference"):
            raise UsageError(f"engine {name} cannot train a model of your own: use --engine auto")
        choice = Choice(import_registered("engine", "reference"), _place(device))
    elif name == "auto":
        choice = _auto(work, device, load)
    else:
        choice = Choice(import_registered("engine", name), _place(device))
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
    kernel, lanes, reference = (import_registered("engine", name) for name in ("kernel", "lanes", "reference"))
    note = ""
    if device == "auto" and not lanes.why_not(spec, data) and has_cuda():
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
    return _on_cpu(work, kernel, reference, load)


def _on_cpu(work: Work, kernel: Engine, reference: Engine, load: Callable[[], Load]) -> Choice:
    from mlpctl.engines.kernel import compilation
    from mlpctl.engines.kernel.cache import functions_for, missing

    names = missing(functions_for(work.data.X.dtype.name, work.spec.dtype))
    if not names:
        return Choice(kernel, "cpu")
    mode = compilation.compile_mode()
    if mode == "never":
        return Choice(reference, "cpu")
    if why := compilation.failure(names):
        told = f"the fast engine cannot be compiled, so torch trains: {why}"
        return Choice(reference, "cpu", f"{told}; mlpctl doctor --compile tries again", once=True)
    about = f"about {compilation.COMPILE_SECONDS:.0f} s"
    by_torch = load().reference + (0.0 if "torch" in sys.modules else TORCH_SECONDS)
    if mode == "now" or by_torch > compilation.compile_seconds_left():
        told = f"compiling the fast engine, once on this machine: {about}"
        return Choice(kernel, "cpu", told, missing=tuple(names))
    told = f"compiling the fast engine in the background, once on this machine ({about}); until then torch trains"
    return Choice(reference, "cpu", told, once=True, missing=tuple(names))


def _lacks_on_mps(spec: "Spec", network: "Network", data: "Data") -> str:
    """Return what Apple's GPU lacks for the lanes of a spec; "" if nothing.

    Raises:
        DeviceError: if there is none, or float64 is asked of it.
    """
    from mlpctl.engines.base import Work
    from mlpctl.engines.lanes.probe import lacks
    from mlpctl.system.devices import torch_device

    return lacks(Work("", spec, network, data, 1), torch_device("mps", spec.dtype))


def _place(device: str) -> str:
    return "cpu" if device == "auto" else device

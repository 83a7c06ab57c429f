"""Which engine and device train a trial."""

from typing import TYPE_CHECKING

from mlpctl.engine.base import Engine
from mlpctl.errors import UsageError
from mlpctl.registry import resolve

if TYPE_CHECKING:
    from mlpctl.data.prepare import Data
    from mlpctl.spec import Spec


def choose(spec: "Spec", data: "Data", engine: str, device: str) -> tuple[Engine, str]:
    """Return the engine and the device for a spec; what the spec names wins over what the run asks for.

    Args:
        spec: resolved.
        data: prepared for it.
        engine: the run's engine, or auto.
        device: the run's device, or auto.

    Raises:
        UsageError: if the engine that is named cannot train the spec.
    """
    device = spec.device if spec.device != "auto" else device
    name = spec.engine if spec.engine != "auto" else engine
    if name == "auto":
        return resolve("engine", "reference"), "cpu" if device == "auto" else device
    chosen: Engine = resolve("engine", name)
    reason = chosen.why_not(spec, data)
    if reason:
        raise UsageError(f"engine {name} cannot train this: {reason}; use --engine auto")
    return chosen, "cpu" if device == "auto" else device

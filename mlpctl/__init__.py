"""mlpctl: what does this hyperparameter do to this small network?

In Python: `mlpctl.train(...)`, `mlpctl.sweep(...)` and `mlpctl.load("results/…")`; see docs/api.md. Everything is
imported on first use, so that `import mlpctl` costs nothing.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlpctl.api import load as load
    from mlpctl.api import sweep as sweep
    from mlpctl.api import train as train
    from mlpctl.errors import DataError as DataError
    from mlpctl.errors import DeviceError as DeviceError
    from mlpctl.errors import MlpctlError as MlpctlError
    from mlpctl.errors import TrialsFailed as TrialsFailed
    from mlpctl.errors import UsageError as UsageError
    from mlpctl.report.results import Comparison as Comparison
    from mlpctl.report.results import Results as Results
    from mlpctl.report.run import Run as Run

__version__ = "0.1.0"

_PLACES = {
    "train": "mlpctl.api",
    "sweep": "mlpctl.api",
    "load": "mlpctl.api",
    "Run": "mlpctl.report.run",
    "Results": "mlpctl.report.results",
    "Comparison": "mlpctl.report.results",
    "MlpctlError": "mlpctl.errors",
    "UsageError": "mlpctl.errors",
    "DataError": "mlpctl.errors",
    "DeviceError": "mlpctl.errors",
    "TrialsFailed": "mlpctl.errors",
}
"""Name that the package offers -> module that has it."""

__all__ = ["__version__", *_PLACES]  # noqa: PLE0604


if not TYPE_CHECKING:  # type checkers know the names above, and no others

    def __getattr__(name: str) -> object:
        """Return what the package offers under a name, imported on first use."""
        if name not in _PLACES:
            raise AttributeError(f"module 'mlpctl' has no attribute '{name}'")
        from importlib import import_module

        value: object = getattr(import_module(_PLACES[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """Return the names that the package offers, for completion."""
    return sorted(__all__)

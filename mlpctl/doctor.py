"""What `mlpctl doctor` looks at: what is here, what is missing and how to get it."""

import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path

from mlpctl import __version__
from mlpctl.data import source_of
from mlpctl.data.base import parse_options
from mlpctl.data.describe import with_required
from mlpctl.data.files import cache_folder
from mlpctl.errors import CheckFailed, MlpctlError
from mlpctl.installed import library_version
from mlpctl.machine import cpu_model, gpus, memory_bytes, usable_cores
from mlpctl.registry import names
from mlpctl.render import Cell, Table

REQUIRED = (
    "typer", "rich", "pydantic", "numpy", "scipy", "pandas", "pyarrow", "scikit-learn", "torch", "numba",
    "threadpoolctl", "matplotlib", "safetensors", "platformdirs", "filelock", "tomli-w", "psutil",
)  # fmt: skip
EXTRAS = {"search": "optuna", "cluster": "ray", "web": "plotly", "dev": "pytest"}


def examine() -> Table:
    """Return a line per thing that mlpctl needs or can use: ok, missing or broken, and what to do."""
    rows = [*_software(), *_machine(), *_gpu(), *_data(), *_extras()]
    return Table(["what", "state", "found", "what to do"], rows, f"mlpctl {__version__}")


def check(table: Table) -> None:
    """Check that nothing required is missing or broken.

    Raises:
        CheckFailed: naming what is.
    """
    broken = [str(row["what"]) for row in table.rows if row["state"] == "broken"]
    if broken:
        raise CheckFailed(f"broken: {', '.join(broken)}")


def _line(what: str, state: str, found: str, remedy: str = "") -> dict[str, Cell]:
    return {"what": what, "state": state, "found": found, "what to do": remedy}


def _software() -> list[dict[str, Cell]]:
    lines = [_line("python", "ok", sys.version.split()[0])]
    for name in REQUIRED:
        version = library_version(name)
        if version is None:
            lines.append(_line(name, "broken", "not installed", f"pip install {name}"))
        else:
            lines.append(_line(name, "ok", version))
    return lines


def _machine() -> list[dict[str, Cell]]:
    import psutil

    lines = [
        _line("cpu", "ok", cpu_model()),
        _line("cores", "ok", f"{usable_cores()} usable of {psutil.cpu_count() or 1}"),
        _line("memory", "ok", f"{memory_bytes() / 2**30:.1f} GiB"),
    ]
    import numpy as np  # noqa: F401  loads its BLAS, which is what is asked for
    from threadpoolctl import threadpool_info

    for info in threadpool_info():
        if info.get("user_api") == "blas":
            found = f"{info['internal_api']} {info.get('version')}, {info.get('architecture')}"
            lines.append(_line("blas", "ok", f"{found}, {info['num_threads']} threads"))
    return lines


def _gpu() -> list[dict[str, Cell]]:
    if library_version("torch") is None:
        return []
    import torch

    found = gpus()
    if not found:
        why = "this torch is a CPU build" if torch.version.cuda is None else "torch sees no CUDA GPU"
        return [_line("gpu", "none", why, "install a CUDA build of torch, where there is a GPU")]
    return [
        _line("gpu", "ok", f"cuda:{i} {gpu['name']}, {gpu['memory_bytes'] / 2**30:.0f} GiB, CUDA {gpu['cuda']}")
        for i, gpu in enumerate(found)
    ]


def _data() -> list[dict[str, Cell]]:
    folder = cache_folder()
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
    lines = [_line("cache", "ok", f"{folder}, {size / 2**20:.0f} MiB"), _kernel()]
    for name in names("dataset"):
        source = source_of(name)
        if source.fetch is None or source.locate is None or with_required(name):
            continue
        try:
            places = source.locate(parse_options(source, {}))
        except MlpctlError as error:
            lines.append(_line(name, "missing", str(error)))
            continue
        here = [place for place in places if Path(place).is_file()]
        if len(here) == len(places):
            lines.append(_line(name, "ok", str(Path(here[0]).parent)))
        else:
            remedy = f"mlpctl data fetch {name}, or apt-get install dataset-{name}"
            lines.append(_line(name, "missing", f"{len(here)} of {len(places)} files are here", remedy))
    return lines


def _kernel() -> dict[str, Cell]:
    from mlpctl.engine.kernel import compilation
    from mlpctl.engine.kernel.cache import LOOP, compiled, usual

    inputs = [name.removeprefix(LOOP) for name in compiled() if name.startswith(LOOP)]
    found = [f"compiled for inputs and arithmetic in {', '.join(inputs)}"] if inputs else []
    remedy = "" if inputs else "mlpctl doctor --compile compiles it now"
    if compilation.is_compiling():
        found.append(f"being compiled, about {compilation.seconds_left():.0f} s more")
    elif why := compilation.failure(usual()):
        return _line("kernel", "failed", "; ".join([*found, f"cannot be compiled: {why}"]), remedy)
    return _line("kernel", "ok", "; ".join(found) or "not compiled yet: the first run that can use it does it", remedy)


def compile_kernel(note: Callable[[str], None]) -> str:
    """Compile all functions of the kernel that usual works take; return what was done.

    Args:
        note: called with what is about to be done, where that takes time.

    Raises:
        DeviceError: if it fails.
    """
    from mlpctl.engine.kernel.cache import missing, usual
    from mlpctl.engine.kernel.compilation import finish

    names = usual()
    lacking = missing(names)
    if not lacking:
        return f"the fast engine is compiled already: {len(names)} functions"
    note(f"compiling {len(lacking)} of the {len(names)} functions of the fast engine: about half a minute")
    begun = time.monotonic()
    finish(names)
    return f"compiled {', '.join(lacking)} in {time.monotonic() - begun:.0f} s"


def _extras() -> list[dict[str, Cell]]:
    lines = []
    for extra, module in EXTRAS.items():
        version = library_version(module) if importlib.util.find_spec(module) else None
        state = "ok" if version else "optional"
        remedy = "" if version else f"pip install 'mlpctl[{extra}]'"
        lines.append(
            _line(f"extra {extra}", state, f"{module} {version}" if version else f"{module} not installed", remedy)
        )
    return lines

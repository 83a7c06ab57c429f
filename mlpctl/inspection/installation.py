"""Examine the installation for `mlpctl doctor`: what is there, what is missing, and how to get it."""

import os
import shlex
import sys
import time
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from mlpctl import __version__
from mlpctl.data import source_of
from mlpctl.data.base import options_of
from mlpctl.data.describe import needs_options
from mlpctl.display.tables import Cell, Table
from mlpctl.errors import CheckFailed, MlpctlError
from mlpctl.registry import names
from mlpctl.system.facts import cpu_model, has_nvidia_driver, library_version, memory_bytes, torch_gpus, usable_cores
from mlpctl.system.files import cache_folder

PACKAGE = "mlpctl"
"""Whose installed metadata name what is required, and the extras."""

UNION = "all"
"""The extra that has all the others."""


def examine() -> Table:
    """Return a line per thing that mlpctl needs or can use: ok, missing or broken, and what to do."""
    rows = [*_software(), *_machine(), *_gpu(), *_data(), *_extras()]
    return Table(["what", "state", "found", "what to do"], rows, f"mlpctl {__version__}")


def check_installation(table: Table) -> None:
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
    wanted = requirements()
    if not wanted:
        lines.append(_line(PACKAGE, "broken", "runs from its source, not installed", "pip install --editable ."))
    for one in wanted.get("", []):
        version = library_version(one.name) or "not installed"
        if _fits(one):
            lines.append(_line(one.name, "ok", version))
        else:
            lines.append(_line(one.name, "broken", f"{version}, {one.specifier} is needed", install([one])))
    return lines


def _extras() -> list[dict[str, Cell]]:
    lines = []
    for extra, wanted in requirements().items():
        if extra in ("", UNION):
            continue
        lacking = [one for one in wanted if not _fits(one)]
        found = ", ".join(f"{one.name} {library_version(one.name) or 'not installed'}" for one in lacking or wanted)
        remedy = install(lacking) if lacking else ""
        lines.append(_line(f"extra {extra}", "optional" if lacking else "ok", found, remedy))
    return lines


def requirements() -> dict[str, list[Requirement]]:
    """Return what the installed package asks for: under "" what it needs, else by extra; {} if it is not there."""
    try:
        package = metadata.distribution(PACKAGE)
    except metadata.PackageNotFoundError:
        return {}
    asked = [Requirement(line) for line in package.requires or ()]
    needed = [one for one in asked if one.marker is None or one.marker.evaluate({"extra": ""})]
    wanted = {"": needed}
    for extra in package.metadata.get_all("Provides-Extra") or ():
        here = [one for one in asked if one.marker is not None and one.marker.evaluate({"extra": extra})]
        wanted[extra] = [one for one in here if one not in needed]
    return wanted


def install(wanted: Iterable[Requirement]) -> str:
    """Return the command that installs some libraries: it works wherever mlpctl itself was installed from."""
    return "pip install " + " ".join(shlex.quote(f"{one.name}{one.specifier}") for one in wanted)


def _fits(one: Requirement) -> bool:
    version = library_version(one.name)
    return version is not None and one.specifier.contains(version, prereleases=True)


def _machine() -> list[dict[str, Cell]]:
    lines = [
        _line("cpu", "ok", cpu_model()),
        _line("cores", "ok", f"{usable_cores()} usable of {os.cpu_count() or 1}"),
        _line("memory", "ok", f"{memory_bytes() / 2**30:.1f} GiB"),
    ]
    import numpy as np  # noqa: F401  loads its BLAS, which is what is asked for
    from threadpoolctl import threadpool_info

    for info in threadpool_info():
        if info.get("user_api") == "blas":
            lines.append(
                _line("blas", "ok", f"{info['internal_api']} {info.get('version')}, {info.get('architecture')}")
            )
    return lines


def _gpu() -> list[dict[str, Cell]]:
    if library_version("torch") is None:
        return []
    if not has_nvidia_driver():
        return [_line("gpu", "none", "no driver of NVIDIA")]
    import torch  # 1 s: only where there may be a GPU

    found = torch_gpus()
    if not found:
        why = "this torch is a CPU build" if torch.version.cuda is None else "torch sees no CUDA GPU"
        return [_line("gpu", "none", why, "install a CUDA build of torch")]
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
        if source.published is None or source.locate is None or needs_options(name):
            continue
        try:
            places = source.locate(options_of(source, {}))
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
    from mlpctl.engines.kernel import compilation
    from mlpctl.engines.kernel.cache import LOOP, compiled, usual
    from mlpctl.engines.kernel.processor import vector_width

    inputs = [name.removeprefix(LOOP) for name in compiled() if name.startswith(LOOP)]
    found = [f"vectors of {vector_width()}"]
    found += [f"compiled for inputs and arithmetic in {', '.join(inputs)}"] if inputs else []
    remedy = "" if inputs else "mlpctl doctor --compile compiles it now"
    if compilation.is_compiling():
        found.append(f"being compiled, about {compilation.compile_seconds_left():.0f} s more")
    elif why := compilation.failure(usual()):
        return _line("kernel", "failed", "; ".join([*found, f"cannot be compiled: {why}"]), remedy)
    elif not inputs:
        found.append("not compiled yet: the first run that can use it does it")
    return _line("kernel", "ok", "; ".join(found), remedy)


def compile_kernel(note: Callable[[str], None]) -> str:
    """Compile all functions of the kernel that usual works take; return what was done.

    Args:
        note: called with what is about to be done, where that takes time.

    Raises:
        DeviceError: if it fails.
    """
    from mlpctl.engines.kernel.cache import missing, usual
    from mlpctl.engines.kernel.compilation import finish

    names = usual()
    lacking = missing(names)
    if not lacking:
        return f"the fast engine is compiled already: {len(names)} functions"
    note(f"compiling {len(lacking)} of the {len(names)} functions of the fast engine: about half a minute")
    begun = time.monotonic()
    finish(names)
    return f"compiled {', '.join(lacking)} in {time.monotonic() - begun:.0f} s"

"""What every row of a benchmark's CSV begins with, and reading such a file again."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mlpctl import __version__
from mlpctl.display.tables import Cell, Table
from mlpctl.errors import DataError
from mlpctl.system.facts import cpu_model, library_version, usable_cores

STAMP = ("benchmark", "benchmark_version", "mlpctl", "machine", "software", "started")
"""The first columns of every row: rows of several machines and days may lie in one file."""


@dataclass(frozen=True)
class Benchmark:
    """A benchmark's name and the version of its method and columns: raise it where old figures compare no more."""

    name: str
    version: int


def machine(devices: Sequence[str] = ("cpu",)) -> str:
    """Return in one line what is measured: processor and cores, and the GPUs among `devices`."""
    cores = usable_cores()
    parts = [f"{cpu_model()}, {cores} core{'' if cores == 1 else 's'}"]
    if any(device.startswith("cuda") for device in devices):
        from mlpctl.system.facts import gpus
        from mlpctl.system.gpu import nvidia_smi

        parts += dict.fromkeys(str(gpu["name"]) for gpu in nvidia_smi() or gpus())
    return "; ".join(parts)


def software(libraries: Sequence[str] = ("torch", "numpy")) -> str:
    """Return in one line which libraries did the work; what torch has been built with decides its speed."""
    import platform

    return ", ".join(f"{name} {library_version(name) or 'missing'}" for name in libraries) + f", {platform.system()}"


def stamp(benchmark: Benchmark, *, devices: Sequence[str] = ("cpu",), libraries: Sequence[str] = ("torch", "numpy")) \
        -> dict[str, Cell]:  # fmt: skip
    """Return the cells that every row begins with."""
    return {
        "benchmark": benchmark.name,
        "benchmark_version": benchmark.version,
        "mlpctl": __version__,
        "machine": machine(devices),
        "software": software(libraries),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def told(stamped: Mapping[str, Cell], seconds: float) -> str:
    """Return the sentence on what a benchmark ran on, for the end of the table that people read."""
    what = f"{stamped['benchmark']} v{stamped['benchmark_version']}"
    return f"on {stamped['machine']}; {stamped['software']}; mlpctl {stamped['mlpctl']}, {what}; {seconds:.0f} s"


def stamped(stamp_: Mapping[str, Cell], rows: Sequence[Mapping[str, Cell]], title: str) -> Table:
    """Return the table for machines: stamp and row, in seconds, bytes and FLOP/s."""
    full = [{**stamp_, **row} for row in rows]
    return Table(list(full[0]) if full else [], full, title)


def read(path: Path, benchmark: Benchmark, columns: Sequence[str]) -> list[dict[str, str]]:
    """Return the rows of an earlier run's CSV.

    Raises:
        DataError: if it cannot be read, is no CSV of this benchmark, has another version, or lacks columns.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    how = f"write one by `mlpctl bench {benchmark.name} --format csv -o FILE`"
    missing = [name for name in (*STAMP, *columns) if not rows or name not in rows[0]]
    if missing:
        raise DataError(f"{path} is no result of `mlpctl bench {benchmark.name}`, it lacks {', '.join(missing)}: {how}")
    if others := {row["benchmark"] for row in rows} - {benchmark.name}:
        raise DataError(f"{path} is a result of `mlpctl bench {min(others)}`, not of {benchmark.name}: {how}")
    if versions := {row["benchmark_version"] for row in rows} - {str(benchmark.version)}:
        raise DataError(
            f"{path} was measured by version {min(versions)} of the benchmark, this is version {benchmark.version}, "
            f"and their figures do not compare: {how}"
        )
    return rows

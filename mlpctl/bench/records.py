"""Write and read the records of benchmarks: CSV rows that begin with benchmark, version, machine and software."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mlpctl import __version__
from mlpctl.display.tables import Cell, Table
from mlpctl.errors import DataError
from mlpctl.system.facts import cpu_model, library_version, usable_cores
from mlpctl.system.parsing import parsing

STAMP = ("benchmark", "benchmark_version", "mlpctl", "machine", "software", "started")
"""The first columns of every row: rows of several machines and days may lie in one file."""


@dataclass(frozen=True)
class Benchmark:
    """A benchmark's name, and the version of its method and columns: raise it where old figures compare no more."""

    name: str
    version: int


def machine_name(devices: Sequence[str] = ("cpu",)) -> str:
    """Return in one line what is measured: processor, cores, and the GPUs among `devices`."""
    cores = usable_cores()
    parts = [f"{cpu_model()}, {cores} core{'' if cores == 1 else 's'}"]
    if any(device.startswith("cuda") for device in devices):
        from mlpctl.system.facts import nvidia_smi, torch_gpus

        parts += dict.fromkeys(str(gpu["name"]) for gpu in nvidia_smi() or torch_gpus())
    return "; ".join(parts)


def software_versions(libraries: Sequence[str]) -> str:
    """Return in one line the versions of libraries, and the system."""
    import platform

    return ", ".join(f"{name} {library_version(name) or 'missing'}" for name in libraries) + f", {platform.system()}"


def stamp(benchmark: Benchmark, devices: Sequence[str], libraries: Sequence[str]) -> dict[str, Cell]:
    """Return the cells that every row begins with: those of STAMP."""
    started = datetime.now(UTC).isoformat(timespec="seconds")
    cells = (benchmark.name, benchmark.version, __version__, machine_name(devices), software_versions(libraries))
    return dict(zip(STAMP, (*cells, started), strict=True))


def footer(stamped: Mapping[str, Cell], seconds: float) -> str:
    """Return the sentence on machine and software below the tables that people read."""
    what = f"{stamped['benchmark']} v{stamped['benchmark_version']}"
    return f"on {stamped['machine']}; {stamped['software']}; mlpctl {stamped['mlpctl']}, {what}; {seconds:.0f} s"


def machine_table(
    stamped: Mapping[str, Cell], rows: Sequence[Mapping[str, Cell]], title: str, columns: Sequence[str] = ()
) -> Table:
    """Return the table for machines, in seconds, bytes and FLOP/s: the stamp, then some columns, or the first row's."""
    columns = columns or list(rows[0] if rows else ())
    return Table([*stamped, *columns], [{**stamped, **row} for row in rows], title)


def read_records(path: Path, benchmark: Benchmark, columns: Sequence[str]) -> list[dict[str, str]]:
    """Return the rows of an earlier run's CSV.

    Raises:
        DataError: if it cannot be read, is no CSV of this benchmark, has another version, or lacks columns.
    """
    with parsing(path, "CSV"), path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
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

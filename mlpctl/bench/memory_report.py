"""Show the results of `mlpctl bench memory`: the rows for machines, and the tables that people read."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise

from mlpctl.bench.bandwidth import OPERANDS, TIMES_CACHE
from mlpctl.bench.memory import MemoryResult
from mlpctl.bench.timing_statistics import Estimate
from mlpctl.display.tables import Cell, Table
from mlpctl.models.cost import in_bytes

COLUMNS = ("what", "device", "threads", "operation", "stores", "bytes", "begins", "ends", "system_bytes",
           *Estimate.__dataclass_fields__, "bytes_per_second", "best_bytes_per_second", "flops", "flops_per_byte",
           "bits", "source")  # fmt: skip
"""Of the table for machines, behind the stamp. Times are seconds of a pass, of a load or of a training step."""


def memory_rows(result: MemoryResult) -> list[dict[str, Cell]]:
    """Return a row per bandwidth, cache, load, level, rise between levels, and bus."""
    rows: list[dict[str, Cell]] = []
    for (device, threads, operation, stores), (size, timed) in result.bandwidth.items():
        rows.append({"what": "bandwidth", "device": device, "threads": threads if device == "cpu" else None,
                     "operation": operation, "stores": stores, "bytes": size,
                     **_rates(OPERANDS[operation] * size, timed)})  # fmt: skip
    own: dict[str, Cell] = {"device": "cpu", "threads": 1}
    triad: dict[str, Cell] = {"operation": "triad", "stores": "ordinary"}
    rows += [{"what": "cache", **own, **triad, "bytes": size, **_rates(size, timed)}
             for size, timed in sorted(result.cached.items())]  # fmt: skip
    rows += [{"what": "latency", **own, "bytes": size, **asdict(timed)} for size, timed in sorted(result.loads.items())]
    levels = result.levels()
    rows += [{"what": "level", "device": "cpu", "begins": level.first, "ends": level.last, "min": level.seconds}
             for level in levels]  # fmt: skip
    for near, far in pairwise(levels):
        cache = near.cache
        rows.append({"what": "step", "device": "cpu", "operation": cache.name if cache else None,
                     "bytes": near.half_way, "begins": near.last, "ends": far.first,
                     "system_bytes": cache.bytes if cache else None})  # fmt: skip
    rows += [{"what": "bus", "device": device, **asdict(bus)} for device, bus in result.buses.items()]
    return rows


def _rates(moved: int, timed: Estimate) -> dict[str, Cell]:
    return {**asdict(timed), "bytes_per_second": moved / timed.median, "best_bytes_per_second": moved / timed.min}


def memory_tables(result: MemoryResult) -> list[Table]:
    """Return the tables that people read: bandwidth, latency, bus."""
    return [*_bandwidth_table(result), *_latency_table(result), _bus_table(result)]


def _bandwidth_table(result: MemoryResult) -> Sequence[Table]:
    if not result.bandwidth:
        return []
    rows: dict[tuple[str, int, str], dict[str, Cell]] = {}
    spread, sizes = 0.0, dict[str, int]()
    for (device, threads, operation, stores), (size, timed) in result.bandwidth.items():
        start: dict[str, Cell] = {"on": device, "threads": threads if device == "cpu" else None, "stores": stores}
        row, moved = rows.setdefault((device, threads, stores), start), OPERANDS[operation] * size
        row[operation] = f"{moved / timed.median / 1e9:.1f}"
        if operation == "triad":
            row["best triad"] = f"{moved / timed.min / 1e9:.1f}"
        spread, sizes[device] = max(spread, (timed.high - timed.low) / timed.median), size
    arrays = ", ".join(f"{in_bytes(size)} each on {device}" for device, size in sizes.items())
    notes = [f"Medians of STREAM's loops over arrays of {arrays}; 95 % intervals are within {spread:.1%} of a median."]
    if any(stores == "ordinary" for *_, stores in rows):
        more = " and ".join(f"{OPERANDS[o] + 1}/{OPERANDS[o]} ({o})" for o in ("copy", "triad"))
        notes.append(
            "Bytes are counted as STREAM does: read and written by the program. An ordinary store also reads the line "
            f"that it overwrites, so memory moves up to {more} times as much; streaming stores, which go past the "
            "caches, do not."
        )
    last = result.caches[-1] if result.caches else None
    if last and "cpu" in sizes and sizes["cpu"] < TIMES_CACHE * last.total:
        notes.append(
            f"The arrays are less than {TIMES_CACHE} times the {in_bytes(last.total)} of {last.name}: part of them may "
            "stay in it, and the rates be too high; raise --array."
        )
    columns = [name for name in ("on", "threads", "stores", *OPERANDS, "best triad")
               if any(name in row for row in rows.values())]  # fmt: skip
    return [Table(columns, list(rows.values()), "Bandwidth, GB/s", notes)]


def _latency_table(result: MemoryResult) -> Sequence[Table]:
    if not (levels := result.levels()):
        return []
    rows: list[dict[str, Cell]] = [
        {"ns per load": f"{level.seconds * 1e9:.1f}", "up to": in_bytes(level.last)} for level in levels
    ]
    for row, (near, far) in zip(rows, pairwise(levels), strict=False):
        row["rises at"] = f"{in_bytes(near.last)} – {in_bytes(far.first)}"
        row["half way at"] = in_bytes(near.half_way or 0)
        row["the system tells"] = (f"{near.cache.name}, {in_bytes(near.cache.bytes)}" if near.cache
                                   else "no cache that ends there")  # fmt: skip
    notes = ["A chain of loads, each at the place that the one before named, in random order over all cache lines; the "
             "shortest of all runs."]  # fmt: skip
    unseen = [f"{cache.name} ({in_bytes(cache.bytes)})" for cache in result.caches
              if cache not in [level.cache for level in levels]]  # fmt: skip
    if not result.caches:
        notes.append("The system tells no cache sizes.")
    elif unseen:
        notes.append(
            f"No step of its own where the system tells {' and '.join(unseen)} to end: another guest or program may "
            "use it too, or its rise runs into the next one."
        )
    if rates := [f"{in_bytes(size)}: {rate / 1e9:.0f} GB/s" for size, rate in result.cached_rates().items()]:
        notes.append(f"Best triad on one thread over arrays of together {', '.join(rates)}.")
    columns = ["ns per load", "up to", "rises at", "half way at", "the system tells"]
    return [Table(columns, rows, "Latency of a load", notes)]


def _bus_table(result: MemoryResult) -> Table:
    rows: list[dict[str, Cell]] = []
    for device, bus in result.buses.items():
        rates = [(result.rate(*key) or 0.0, key) for key in result.bandwidth if key[0] == device]
        best, key = max(rates, default=(0.0, ("", 0, "", "")))
        bits, measured = (f"{bus.bits} bits" if bus.bits else "unknown"), f"{best / 1e9:.1f} GB/s ({key[2]}, {key[3]})"
        rows.append({"memory of": device, "data bus": bits, "says": bus.source,
                     "most measured": measured if best else None})  # fmt: skip
    return Table(["memory of", "data bus", "says", "most measured"], rows, "Memory bus")

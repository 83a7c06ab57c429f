"""The results of `mlpctl bench memory` as tables: one for machines, three for people."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from mlpctl.bench.medians import Estimate
from mlpctl.bench.memory import Found
from mlpctl.bench.memory_bandwidth import ALLOCATED, OPERANDS, TIMES_CACHE
from mlpctl.bench.records import stamped
from mlpctl.display.tables import Cell, Table
from mlpctl.models.cost import in_bytes

COLUMNS = ("what", "device", "threads", "operation", "stores", "bytes", "begins", "ends", "system_bytes",
           *(name for name in Estimate.__dataclass_fields__), "bytes_per_second", "best_bytes_per_second", "flops",
           "flops_per_byte", "bits", "source")  # fmt: skip
"""Of the table for machines, behind the stamp. Times are seconds of a pass, of a load or of a training step."""


def rows_of(found: Found) -> list[dict[str, Cell]]:
    """Return a row per measured thing: bandwidth, cache, latency, step, bus."""
    rows: list[dict[str, Cell]] = []
    for (device, threads, operation, stores), (size, timed) in found.bandwidth.items():
        own = {"what": "bandwidth", "device": device, "threads": threads if device == "cpu" else None,
               "operation": operation, "stores": stores, "bytes": size}  # fmt: skip
        rows.append({**own, **_rates(OPERANDS[operation] * size, timed)})
    for size, timed in sorted(found.cached.items()):
        own = {"what": "cache", "device": "cpu", "threads": 1, "operation": "triad", "stores": "ordinary",
               "bytes": size}  # fmt: skip
        rows.append({**own, **_rates(size, timed)})
    for size, timed in sorted(found.loads.items()):
        rows.append({"what": "latency", "device": "cpu", "threads": 1, "bytes": size, **asdict(timed)})
    for level in found.levels():
        rows.append({"what": "level", "device": "cpu", "begins": level.first, "ends": level.last, "min": level.seconds})
    for step in found.steps():
        told = step.cache.bytes if step.cache else None
        rows.append({"what": "step", "device": "cpu", "bytes": step.at, "begins": step.begins, "ends": step.ends,
                     "operation": step.cache.name if step.cache else None, "system_bytes": told})  # fmt: skip
    for device, bus in found.buses.items():
        rows.append({"what": "bus", "device": device, "bits": bus.bits, "source": bus.source})
    return rows


def machine_table(stamp: Mapping[str, Cell], rows: Sequence[Mapping[str, Cell]]) -> Table:
    """Return the rows, every one with every column."""
    return stamped(stamp, [{column: row.get(column) for column in COLUMNS} for row in rows], "memory")


def _rates(moved: int, timed: Estimate) -> dict[str, Cell]:
    return {**asdict(timed), "bytes_per_second": moved / timed.median, "best_bytes_per_second": moved / timed.min}


def people_tables(found: Found) -> list[Table]:
    """Return what people read: bandwidth, caches, bus."""
    return [*_bandwidths(found), *_caches(found), _buses(found)]


def _bandwidths(found: Found) -> list[Table]:
    if not found.bandwidth:
        return []
    rows: list[dict[str, Cell]] = []
    spread = 0.0
    for device, threads, stores in dict.fromkeys((d, k, s) for d, k, _, s in found.bandwidth):
        row: dict[str, Cell] = {"on": device, "threads": threads if device == "cpu" else None, "stores": stores}
        for operation, operands in OPERANDS.items():
            if (of := found.bandwidth.get((device, threads, operation, stores))) is not None:
                size, timed = of
                row[operation] = f"{operands * size / timed.median / 1e9:.1f}"
                spread = max(spread, (timed.high - timed.low) / timed.median)
                if operation == "triad":
                    row["best triad"] = f"{operands * size / timed.min / 1e9:.1f}"
        rows.append(row)
    sizes = {device: size for (device, *_), (size, _) in found.bandwidth.items()}
    arrays = ", ".join(f"{in_bytes(size)} each on {device}" for device, size in sizes.items())
    notes = [f"Medians of STREAM's loops over arrays of {arrays}; 95 % intervals are within {spread:.1%} of a median."]
    if any(stores == "ordinary" for *_, stores in found.bandwidth):
        more = " and ".join(f"{ALLOCATED[o]}/{OPERANDS[o]} ({o})" for o in ("copy", "triad"))
        notes.append(
            "Bytes are counted as STREAM does: read and written by the program. An ordinary store also reads the line "
            f"that it overwrites, so memory moves up to {more} times as much; streaming stores, which go past the "
            "caches, do not."
        )
    last = found.told[-1] if found.told else None
    if last and "cpu" in sizes and sizes["cpu"] < TIMES_CACHE * last.total:
        notes.append(
            f"The arrays are less than {TIMES_CACHE} times the {in_bytes(last.total)} of {last.name}: part of them may "
            "stay in it, and the rates be too high; raise --array."
        )
    return [Table(list(dict.fromkeys(name for row in rows for name in row)), rows, "Bandwidth, GB/s", notes)]


def _caches(found: Found) -> list[Table]:
    levels, steps = found.levels(), found.steps()
    if not levels:
        return []
    rows: list[dict[str, Cell]] = []
    for number, level in enumerate(levels):
        step = steps[number] if number < len(steps) else None
        row: dict[str, Cell] = {"ns per load": f"{level.seconds * 1e9:.1f}", "up to": in_bytes(level.last)}
        if step is not None:
            told = f"{step.cache.name}, {in_bytes(step.cache.bytes)}" if step.cache else "no cache that ends there"
            rises = f"{in_bytes(step.begins)} – {in_bytes(step.ends)}"
            row |= {"rises at": rises, "half way at": in_bytes(step.at), "the system tells": told}
        rows.append(row)
    notes = ["A chain of loads, each at the place that the one before named, in random order over all cache lines; the "
             "shortest of all runs."]  # fmt: skip
    seen = {step.cache.name for step in steps if step.cache}
    unseen = [f"{cache.name} ({in_bytes(cache.bytes)})" for cache in found.told if cache.name not in seen]
    if not found.told:
        notes.append("The system tells no cache sizes.")
    elif unseen:
        notes.append(
            f"No step of its own where the system tells {' and '.join(unseen)} to end: another guest or program may "
            "use it too, or its rise runs into the next one."
        )
    rates = [f"{in_bytes(size)}: {rate / 1e9:.0f} GB/s" for size, rate in found.cached_rates().items()]
    if rates:
        notes.append(f"Best triad on one thread over arrays of together {', '.join(rates)}.")
    columns = ["ns per load", "up to", "rises at", "half way at", "the system tells"]
    return [Table(columns, rows, "Latency of a load", notes)]


def _buses(found: Found) -> Table:
    rows: list[dict[str, Cell]] = []
    for device, bus in found.buses.items():
        best = max((rate, threads, operation, stores) for (d, threads, operation, stores) in found.bandwidth
                   if d == device and (rate := found.rate(d, threads, operation, stores))) \
            if any(d == device for d, *_ in found.bandwidth) else None  # fmt: skip
        rows.append(
            {
                "memory of": device,
                "data bus": f"{bus.bits} bits" if bus.bits else "unknown",
                "says": bus.source,
                "most measured": f"{best[0] / 1e9:.1f} GB/s ({best[2]}, {best[3]})" if best else None,
            }
        )
    return Table(["memory of", "data bus", "says", "most measured"], rows, "Memory bus")

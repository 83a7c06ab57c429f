"""Matrix products of aligned and misaligned sizes (d2l exercise 5.2.7): median, spread, FLOP/s."""

import itertools
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mlpctl.errors import UsageError, did_you_mean
from mlpctl.render import Cell, Table

if TYPE_CHECKING:
    import torch

SIZES = (1024, 1025, 1026, 1028, 1032)
DTYPES = ("float64", "float32", "bfloat16", "float16")
NOISY = 0.10
"""Interquartile range over median from which a measurement says that it is not to be trusted."""

RUNS_TO_KEEP = 2
"""Runs from which the timing of an interrupted measurement is kept: below, it has no spread."""

SETTLED = 0.05
"""Warm-up ends when two runs in a row differ by less than this, or when it has been long enough."""


@dataclass(frozen=True)
class Case:
    """A product that is timed: n×n times n×n."""

    n: int
    dtype: str
    device: str
    threads: int


@dataclass(frozen=True)
class Timing:
    """What came of a case; times in seconds, of one product.

    Attributes:
        n: rows and columns.
        dtype: of both operands.
        device: cpu or a GPU.
        threads: of the CPU.
        runs: timed products.
        median: of their times.
        iqr: distance between the quartiles.
        min: shortest time.
        max: longest time.
        flops: 2 n³ / median, FLOP/s.
        relative: time per useful FLOP, divided by that of the first size with the same dtype, device and threads.
    """

    n: int
    dtype: str
    device: str
    threads: int
    runs: int
    median: float
    iqr: float
    min: float
    max: float
    flops: float
    relative: float | None = None


def cases_of(sizes: Sequence[int], dtypes: Sequence[str], devices: Sequence[str], threads: Sequence[int]) -> list[Case]:
    """Return every combination; threads vary on the CPU only.

    Raises:
        UsageError: for sizes or threads below 1, unknown dtypes, or nothing to do.
    """
    problems = [f"sizes must be 1 at least, got {n}" for n in sizes if n < 1]
    problems += [f"threads must be 1 at least, got {n}" for n in threads if n < 1]
    problems += [f"unknown dtype '{name}': {did_you_mean(name, DTYPES)}" for name in dtypes if name not in DTYPES]
    if not (sizes and dtypes and devices and threads):
        problems.append("at least one size, dtype, device and number of threads is needed")
    if problems:
        raise UsageError(problems)
    combinations = itertools.product(dtypes, devices, threads, sizes)
    return list(dict.fromkeys(Case(n, t, d, k if d == "cpu" else 1) for t, d, k, n in combinations))


def measure(cases: Sequence[Case], *, warmup: int, runs: int, seed: int = 0) -> Iterator[Timing]:
    """Yield a timing per case; after Ctrl-C those of the runs that were done, then KeyboardInterrupt.

    The runs of all cases of one device and number of threads are interleaved in random order, so that a slow moment
    of the machine hits all of them alike.

    Args:
        cases: what to time.
        warmup: untimed products per case at least.
        runs: timed products per case.
        seed: of the operands and the order.

    Raises:
        DeviceError: for a device that is not there.
    """
    import torch

    before = torch.get_num_threads()
    try:
        for (_, threads), group in itertools.groupby(cases, key=lambda case: (case.device, case.threads)):
            torch.set_num_threads(threads)
            yield from _measure_together(list(group), warmup, runs, random.Random(seed))
    finally:
        torch.set_num_threads(before)


def _measure_together(cases: list[Case], warmup: int, runs: int, order: random.Random) -> Iterator[Timing]:
    products = {case: _product(case) for case in cases}
    for product in products.values():
        _warm_up(product, warmup)
    times: dict[Case, list[float]] = {case: [] for case in cases}
    try:
        for _ in range(runs):  # in rounds, so that whenever Ctrl-C comes every case has about as many runs
            for case in order.sample(cases, len(cases)):
                times[case].append(products[case]())
    except KeyboardInterrupt:
        yield from (_timing(case, seconds) for case, seconds in times.items() if len(seconds) >= RUNS_TO_KEEP)
        raise
    yield from (_timing(case, seconds) for case, seconds in times.items())


def _product(case: Case) -> Callable[[], float]:
    """Return a function that does one product and returns its seconds."""
    import torch

    from mlpctl.devices import torch_device

    device = torch_device(case.device, case.dtype)
    generator = torch.Generator().manual_seed(0)
    dtype = getattr(torch, case.dtype)
    a, b = (torch.randn(case.n, case.n, generator=generator).to(device=device, dtype=dtype) for _ in range(2))
    out = torch.empty(case.n, case.n, device=device, dtype=dtype)
    return (lambda: _timed_cuda(a, b, out)) if device.type == "cuda" else (lambda: _timed(a, b, out))


def _timed(a: "torch.Tensor", b: "torch.Tensor", out: "torch.Tensor") -> float:
    import torch

    started = time.perf_counter_ns()
    torch.mm(a, b, out=out)
    if a.device.type == "mps":
        torch.mps.synchronize()
    return (time.perf_counter_ns() - started) / 1e9


def _timed_cuda(a: "torch.Tensor", b: "torch.Tensor", out: "torch.Tensor") -> float:
    import torch

    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    start.record()
    torch.mm(a, b, out=out)
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end)) / 1e3


def _warm_up(product: Callable[[], float], at_least: int) -> None:
    last = product()
    for number in range(10 * max(at_least, 1)):
        now = product()
        if number + 1 >= at_least and abs(now - last) <= SETTLED * last:
            return
        last = now


def _timing(case: Case, times: list[float]) -> Timing:
    median = statistics.median(times)
    quartiles = statistics.quantiles(times, n=4, method="inclusive") if len(times) > 1 else [median] * 3
    return Timing(
        n=case.n,
        dtype=case.dtype,
        device=case.device,
        threads=case.threads,
        runs=len(times),
        median=median,
        iqr=quartiles[2] - quartiles[0],
        min=min(times),
        max=max(times),
        flops=2 * case.n**3 / median,
    )


def compared(timings: Sequence[Timing], first: int) -> list[Timing]:
    """Return the timings, each with its time per FLOP relative to the size `first`."""
    from dataclasses import replace

    base = {(t.dtype, t.device, t.threads): t.flops for t in timings if t.n == first}
    keys = [(t.dtype, t.device, t.threads) for t in timings]
    return [replace(t, relative=base[k] / t.flops if k in base else None) for t, k in zip(timings, keys, strict=True)]


def table_of(timings: Sequence[Timing], machine: str, *, people: bool) -> Table:
    """Return the timings as a table: seconds and FLOP/s for machines, ms and GFLOP/s for people."""
    rows: list[dict[str, Cell]] = [asdict(timing) for timing in timings]
    notes = [f"on {machine}"]
    noisy = [t for t in timings if t.iqr > NOISY * t.median]
    if noisy:
        notes.append(
            f"{len(noisy)} of {len(timings)} measurements spread over more than {NOISY:.0%}: stop other programs, or "
            "raise --runs"
        )
    if not people:
        return Table(list(rows[0]) if rows else [], rows, "matmul", notes)
    shown: list[dict[str, Cell]] = [
        {
            "n": str(t.n),
            "dtype": t.dtype,
            "device": t.device,
            "threads": t.threads if t.device == "cpu" else None,
            "median ms": round(t.median * 1e3, 3),
            "± IQR": f"{t.iqr / t.median:.1%}",
            "GFLOP/s": round(t.flops / 1e9, 1),
            "time per FLOP": None if t.relative is None else f"{t.relative:.3f}×",
        }
        for t in timings
    ]
    return Table(list(shown[0]) if shown else [], shown, "Matrix products n×n · n×n", notes)


def measured_until_interrupt(timings: Iterator[Timing], note: Callable[[Timing], Any]) -> tuple[list[Timing], bool]:
    """Return the timings so far and whether Ctrl-C ended them early; `note` sees each as it comes."""
    done: list[Timing] = []
    try:
        for timing in timings:
            done.append(timing)
            note(timing)
    except KeyboardInterrupt:
        return done, True
    return done, False

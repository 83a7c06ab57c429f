"""What `mlpctl bench memory` measures: bandwidth per number of threads, latency by size, and the width of the bus."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from mlpctl.bench import memory_bandwidth
from mlpctl.bench import memory_latency as latency
from mlpctl.bench.caches import Cache, caches
from mlpctl.bench.medians import Estimate, estimate
from mlpctl.bench.memory_bus import Bus, cpu_bus, gpu_bus
from mlpctl.bench.records import Benchmark
from mlpctl.bench.timing import Group, Measured, Plan, Samples, sample
from mlpctl.errors import DeviceError, UsageError

BENCHMARK = Benchmark("memory", 1)

NARROW = 0.03
"""Timing ends when the interval of every median is narrower than this share of it."""

COPY, TRIAD = ("copy", "ordinary"), ("triad", "ordinary")

HALF = 0.5
"""Of a cache: arrays of a triad that stay in it with certainty."""

Key = tuple[str, str, int]
"""What (bandwidth, cache, latency), device, threads: a group of works."""


@dataclass(frozen=True)
class Asked:
    """What is to be measured.

    Attributes:
        devices: cpu, cuda, cuda:N.
        threads: of the CPU, each number on its own.
        array_bytes: of each array of the CPU; None for far more than the caches.
        latency: whether to measure the latency of the CPU's loads.
    """

    devices: tuple[str, ...]
    threads: tuple[int, ...]
    array_bytes: int | None = None
    latency: bool = True


@dataclass(frozen=True)
class Found:
    """What was measured.

    Attributes:
        bandwidth: (device, threads, operation, stores) -> (bytes of each array, estimate of the seconds of a pass).
        cached: bytes of three arrays together -> estimate of the seconds of a triad over them, on one thread.
        loads: bytes -> estimate of the seconds of a load.
        buses: device -> its bus.
        told: the caches that the system tells.
    """

    bandwidth: dict[tuple[str, int, str, str], tuple[int, Estimate]]
    cached: dict[int, Estimate]
    loads: dict[int, Estimate]
    buses: dict[str, Bus]
    told: list[Cache]

    @property
    def sizes(self) -> list[int]:
        """The sizes of the loads, growing."""
        return sorted(self.loads)

    @property
    def fastest(self) -> list[float]:
        """The shortest time of a load at each size: a chain waits for nothing else, so all that disturbs adds."""
        return [self.loads[size].min for size in self.sizes]

    def levels(self) -> list[latency.Level]:
        """Return the levels of caches that the loads show."""
        return latency.levels_of(self.sizes, self.fastest) if len(self.loads) > 1 else []

    def steps(self) -> list[latency.Step]:
        """Return the steps between them."""
        return latency.steps_of(self.levels(), self.sizes, self.fastest, self.told) if len(self.loads) > 1 else []

    def rate(self, device: str, threads: int, operation: str, stores: str, *, best: bool = False) -> float | None:
        """Return bytes per second, as STREAM counts them: the median, or the best; None where it was not measured."""
        found = self.bandwidth.get((device, threads, operation, stores))
        if found is None:
            return None
        return memory_bandwidth.OPERANDS[operation] * found[0] / (found[1].min if best else found[1].median)

    def cached_rates(self) -> dict[int, float]:
        """Return bytes of the arrays together -> bytes per second of a triad on one thread, the best of all runs."""
        return {size: size / timed.min for size, timed in sorted(self.cached.items())}


def asked_for(
    devices: Sequence[str],
    threads: Sequence[int],
    array_mib: int | None,
    *,
    latency: bool = True,
    roofline: bool = False,
) -> Asked:
    """Return what is to be measured.

    Raises:
        UsageError: for threads or arrays below 1, or devices that have no memory to measure.
        DeviceError: for a device that is not there.
    """
    from mlpctl.system.devices import torch_device

    problems = [f"threads must be 1 at least, got {n}" for n in threads if n < 1]
    problems += [f"arrays must have 1 MiB at least, got {array_mib}"] if array_mib is not None and array_mib < 1 else []
    if roofline and ("cpu" not in devices or 1 not in threads):
        problems.append("a roofline needs one thread of the CPU among what is measured: use --device cpu --threads 1")
    problems += [] if devices and threads else ["at least one device and number of threads is needed"]
    if problems:
        raise UsageError(problems)
    for device in devices:
        if device != "cpu" and torch_device(device).type != "cuda":
            raise DeviceError(f"bench memory measures cpu and CUDA GPUs, got {device}: use --device cpu")
    chosen = None if array_mib is None else array_mib << 20
    return Asked(tuple(devices), tuple(dict.fromkeys(threads)), chosen, latency)


def measure(asked: Asked, plan: Plan, note: Callable[[Measured], None] = lambda _: None) -> tuple[Measured, Found]:
    """Return the samples, and what they come to; after Ctrl-C what there is."""
    told = caches()
    sizes = {device: asked.array_bytes or _array_bytes(device, told) for device in asked.devices}
    found = Found({}, {}, {}, {device: bus_of(device) for device in asked.devices}, told)
    with prepared(asked, told, sizes) as groups:
        measured = sample(groups, plan, enough=_enough, note=note)
    for (what, device, threads), samples in measured.groups.items():
        for work in samples.works:
            times = samples.of(work)
            if len(times):
                _take(found, what, (device, threads), work, sizes[device], estimate(times))
    return measured, found


def bus_of(device: str) -> Bus:
    """Return the data bus of a device's memory."""
    if device == "cpu":
        return cpu_bus()
    from mlpctl.system.devices import torch_device

    return gpu_bus(torch_device(device))


@contextmanager
def prepared(asked: Asked, told: list[Cache], sizes: Mapping[str, int]) -> Iterator[dict[Key, Group]]:
    """Yield the groups of works; their threads are ended behind.

    Args:
        asked: what is to be measured.
        told: the caches of the CPU.
        sizes: device -> bytes of each array.
    """
    groups: dict[Key, Group] = {}
    with ExitStack() as stack:
        for device in asked.devices:
            if device != "cpu":
                from mlpctl.system.devices import torch_device

                groups["bandwidth", device, 1] = Group(memory_bandwidth.gpu_works(torch_device(device), sizes[device]))
                continue
            from mlpctl.bench.memory_loops import LOOPS

            for threads in asked.threads:
                team = memory_bandwidth.Team(threads)
                stack.callback(team.close)
                groups["bandwidth", "cpu", threads] = Group(memory_bandwidth.cpu_works(team, sizes["cpu"], LOOPS))
            if asked.latency:
                halves = [int(level.bytes * HALF) for level in told]
                groups["cache", "cpu", 1] = Group({n: memory_bandwidth.cached_triad(n, LOOPS[TRIAD]) for n in halves})
                last = told[-1].bytes if told else latency.LARGEST
                chains = {n: latency.chain(n, cached=n <= last) for n in latency.sizes_of(told)}
                groups["latency", "cpu", 1] = Group(chains)
        yield {key: group for key, group in groups.items() if group.works}


def _array_bytes(device: str, told: list[Cache]) -> int:
    if device == "cpu":
        return memory_bandwidth.array_bytes(told)
    import torch

    from mlpctl.system.devices import torch_device

    where = torch_device(device)
    cache = int(getattr(torch.cuda.get_device_properties(where), "L2_cache_size", 0))
    free = int(torch.cuda.mem_get_info(where)[0])
    return min(
        max(memory_bandwidth.TIMES_CACHE * cache, 4 * memory_bandwidth.LEAST_BYTES), free // memory_bandwidth.SHARE
    )


def _enough(_: Key, samples: Samples) -> bool:
    timed = [estimate(samples.of(work)) for work in samples.works]
    return all(one.high - one.low <= NARROW * one.median for one in timed)


def _take(found: Found, what: str, where: tuple[str, int], work: Any, n_bytes: int, timed: Estimate) -> None:
    if what == "bandwidth":
        found.bandwidth[(*where, *work)] = (n_bytes, timed)
    else:
        (found.cached if what == "cache" else found.loads)[work] = timed


@dataclass(frozen=True)
class Memory:
    """What is known of a memory, in short.

    Attributes:
        device: cpu or a GPU.
        bus_bits: width of the data bus; None where nobody says.
        source: who says so, or why it is not known.
        copy_bytes_per_second: measured, bytes read and bytes written together.
    """

    device: str
    bus_bits: int | None
    source: str
    copy_bytes_per_second: float


def cpu_memory(*, size: int = 64 << 20, runs: int = 9) -> Memory:
    """Return what is known of the main memory; its rate is the median of `runs` copies on one thread."""
    from mlpctl.bench.memory_loops import LOOPS

    team = memory_bandwidth.Team(1)
    works = memory_bandwidth.cpu_works(team, size, {COPY: LOOPS[COPY]})
    seconds = statistics.median(works[COPY]() for _ in range(runs))
    team.close()
    bus = cpu_bus()
    return Memory("cpu", bus.bits, bus.source, 2 * size / seconds)


def gpu_memory(device: str, *, size: int = 256 << 20, runs: int = 9) -> Memory:
    """Return what is known of a CUDA GPU's memory.

    Raises:
        DeviceError: if it is not there.
    """
    from mlpctl.system.devices import torch_device

    where = torch_device(device)
    if where.type != "cuda":
        raise DeviceError(f"only CUDA GPUs tell about their memory, got {device}")
    copy = memory_bandwidth.gpu_works(where, size)["copy", "device"]
    seconds = statistics.median([copy() for _ in range(runs + 1)][1:])  # the first run loads its code
    bus = gpu_bus(where)
    return Memory(device, bus.bits, bus.source, 2 * size / seconds)

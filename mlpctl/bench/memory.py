"""Measure memory: bandwidth per number of threads, latency by size, and the width of the bus."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from mlpctl.bench.bandwidth import OPERANDS, ThreadTeam, array_bytes, cached_triad, stream_on_cpu, stream_on_gpu
from mlpctl.bench.cache_latency import (
    LARGEST_CHAIN,
    Cache,
    LatencyLevel,
    caches,
    chain_sizes,
    latency_levels,
    load_chain,
)
from mlpctl.bench.memory_bus import MemoryBus, bus_of
from mlpctl.bench.records import Benchmark
from mlpctl.bench.sampling import Measurement, TimingPlan, WorkloadGroup, sample
from mlpctl.bench.timing_statistics import Estimate, estimate, is_narrow
from mlpctl.display.tables import Cell
from mlpctl.errors import DeviceError, UsageError

BENCHMARK = Benchmark("memory", 1)

NARROW = 0.03  # timing ends when the interval of every median is narrower than this share of it


@dataclass(frozen=True)
class MemoryOptions:
    """The options of `mlpctl bench memory`."""

    devices: tuple[str, ...]  # cpu, cuda, cuda:N
    threads: tuple[int, ...]  # of the CPU, each number on its own
    array_bytes: int | None = None  # of each array of the CPU; None: far more than the caches
    latency: bool = True  # whether to measure the latency of the CPU's loads


@dataclass
class MemoryResult:
    """The measured bandwidths and latencies, and the caches and buses as the system lists them."""

    buses: dict[str, MemoryBus]  # by device
    caches: list[Cache]  # as the system lists them
    # (device, threads, operation, stores) -> bytes of each array, and seconds of a pass
    bandwidth: dict[tuple[str, int, str, str], tuple[int, Estimate]] = field(default_factory=dict)
    cached: dict[int, Estimate] = field(default_factory=dict)  # bytes of three arrays -> seconds of a triad, one thread
    loads: dict[int, Estimate] = field(default_factory=dict)  # bytes -> seconds of a load

    def levels(self) -> list[LatencyLevel]:
        """Return the levels that the loads show.

        The shortest time at each size counts: a chain waits for nothing else, so every disturbance makes it longer.
        """
        sizes = sorted(self.loads)
        return latency_levels(sizes, [self.loads[size].min for size in sizes], self.caches) if len(sizes) > 1 else []

    def rate(self, device: str, threads: int, operation: str, stores: str, *, best: bool = False) -> float | None:
        """Return bytes per second as STREAM counts them, the median or the best; None where it was not measured."""
        found = self.bandwidth.get((device, threads, operation, stores))
        return found and OPERANDS[operation] * found[0] / (found[1].min if best else found[1].median)

    def cached_rates(self) -> dict[int, float]:
        """Return bytes of the arrays together -> bytes per second of a triad on one thread, the best of all runs."""
        return {size: size / timed.min for size, timed in sorted(self.cached.items())}


def memory_options(
    devices: Sequence[str], threads: Sequence[int], array_mib: int | None, *, latency: bool, roofline: bool
) -> MemoryOptions:
    """Return checked options.

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
    size = None if array_mib is None else array_mib << 20
    return MemoryOptions(tuple(devices), tuple(dict.fromkeys(threads)), size, latency)


def measure_memory(
    options: MemoryOptions, plan: TimingPlan, note: Callable[[Measurement], None] = lambda _: None
) -> tuple[Measurement, MemoryResult]:
    """Measure bandwidth, latency and bus; after Ctrl-C return what there is."""
    result = MemoryResult({device: bus_of(device) for device in options.devices}, caches())
    sizes = {device: options.array_bytes or array_bytes(device, result.caches) for device in options.devices}
    with _groups(options, result.caches, sizes) as groups:
        measured = sample(groups, plan, enough=lambda _, samples: is_narrow(samples, NARROW), note=note)
    for (what, device, threads), samples in measured.groups.items():
        for workload in samples.workloads:
            if not len(times := samples.of(workload)):
                continue
            if isinstance(workload, tuple):
                result.bandwidth[(device, threads, *workload)] = sizes[device], estimate(times)
            elif isinstance(workload, int):
                (result.cached if what == "cache" else result.loads)[workload] = estimate(times)
    return measured, result


@contextmanager
def _groups(
    options: MemoryOptions, known: list[Cache], sizes: Mapping[str, int]
) -> Iterator[dict[tuple[str, str, int], WorkloadGroup]]:
    """Yield (bandwidth, cache or latency; device; threads) -> group; end their threads behind.

    `known` are the caches of the CPU, `sizes` the bytes of each array by device.
    """
    from mlpctl.system.devices import torch_device

    groups: dict[tuple[str, str, int], WorkloadGroup] = {}
    with ExitStack() as stack:
        for device in options.devices:
            if device != "cpu":
                groups["bandwidth", device, 1] = WorkloadGroup(stream_on_gpu(torch_device(device), sizes[device]))
                continue
            from mlpctl.bench.compiled_loops import LOOPS

            for threads in options.threads:
                team = ThreadTeam(threads)
                stack.callback(team.close)
                groups["bandwidth", "cpu", threads] = WorkloadGroup(stream_on_cpu(team, sizes["cpu"], LOOPS))
            if options.latency:
                halves = [cache.bytes // 2 for cache in known]  # of a cache: that much certainly stays in it
                groups["cache", "cpu", 1] = WorkloadGroup({size: cached_triad(size) for size in halves})
                last = known[-1].bytes if known else LARGEST_CHAIN
                chains = {size: load_chain(size, cached=size <= last) for size in chain_sizes(known)}
                groups["latency", "cpu", 1] = WorkloadGroup(chains)
        yield {key: group for key, group in groups.items() if group.workloads}


def memory_summary(device: str, *, runs: int = 9) -> dict[str, Cell]:
    """Return the width of a device's memory bus, who tells it, and the median rate of copies on one thread.

    Raises:
        DeviceError: for a GPU that is not there.
    """
    from mlpctl.system.devices import torch_device

    if device == "cpu":
        from mlpctl.bench.compiled_loops import LOOPS

        size, way = 64 << 20, ("copy", "ordinary")
        copy = stream_on_cpu(ThreadTeam(1), size, {way: LOOPS[way]})[way]
    else:
        size = 256 << 20
        copy = stream_on_gpu(torch_device(device), size)["copy", "device"]
    seconds = statistics.median([copy() for _ in range(runs + 1)][1:])  # the first run loads the GPU's code
    bus = bus_of(device)
    return {"device": device, "bus_bits": bus.bits, "source": bus.source, "copy_bytes_per_second": 2 * size / seconds}

"""Measure and draw rooflines: the limits of a core and its memory, and the project's workloads under them.

A roof is min(peak, bandwidth · intensity). The peak is that of multiplications and additions in registers, since
libraries may fall short of it; the bandwidth that of a triad over arrays that one level of memory holds, on one thread,
as the kernel engine trains. Roofs are the best of all runs, workloads the median: no disturbance lowers a roof.

Source: Williams, Waterman, Patterson, "Roofline: An Insightful Visual Performance Model for Multicore Architectures",
2009.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpctl.bench.bandwidth import LEAST_BYTES, OPERANDS, ThreadTeam, cached_triad, stream_on_gpu
from mlpctl.bench.cache_latency import caches
from mlpctl.bench.memory import MemoryResult
from mlpctl.bench.sampling import Measurement, Samples, TimingPlan, WorkloadGroup, sample
from mlpctl.bench.timing_statistics import Estimate, estimate
from mlpctl.bench.workloads import open_trainers, own_workloads
from mlpctl.display.tables import Cell, Table
from mlpctl.models.constants import HAS_FIRST, HAS_SECOND
from mlpctl.models.cost import cost_of, in_bytes, memory_of

if TYPE_CHECKING:
    from mlpctl.engines.base import Work

INDEX_BYTES = 8  # of the column of a stored number of sparse inputs, as compiled code takes it
VECTOR_FLOPS = 32  # of a multiplication and addition of 16 numbers
TURNS = 500_000  # of a loop in registers: some milliseconds, beside which starting threads counts little
LIBRARY_SIZE, GPU_SIZE = 512, 4096
"""Rows and columns of a library's product: large enough for its full speed, small enough for the CPU's caches."""

MEMORY = "memory"

SHOWN_INTENSITIES = (0.03, 300.0)  # FLOP per byte that are shown at least


@dataclass(frozen=True)
class StepCost:
    """The cost of one training step of a trial, over a full minibatch."""

    flops: float  # multiplications and additions of the matrix products
    bytes: float  # read and written
    resident: float  # bytes that every step goes over: what a cache has to hold

    @property
    def intensity(self) -> float:
        """FLOPs per byte."""
        return self.flops / self.bytes


def step_cost(trial: "Work") -> StepCost:
    """Count the FLOPs and bytes of a step of a trial, from the shapes.

    Bytes are counted as if nothing stayed in a cache between two operations: each product reads its operands and writes
    its result, the update reads parameters, gradients and moments and writes what it changes. Of sparse inputs only
    what is stored counts, and of the first layer's weights only the rows that it meets.
    """
    spec, network, data = trial.spec, trial.network, trial.data
    assert isinstance(spec.batch_size, int)
    batch, size = min(spec.batch_size, data.n_train), np.dtype(spec.dtype).itemsize
    stored, wide = float(data.n_inputs), data.X.dtype.itemsize  # numbers of an example that are stored, bytes of each
    if not isinstance(data.X, np.ndarray):
        stored, wide = float(data.X.nnz / data.X.shape[0]), data.X.dtype.itemsize + INDEX_BYTES
    met = min(float(data.n_inputs), stored * batch)  # rows of the first weights that a minibatch meets
    flops = moved = 0.0
    moments = (spec.optimizer in HAS_FIRST) + (spec.optimizer in HAS_SECOND)
    for number, layer in enumerate(network.layers):
        cost = cost_of(layer, first=not number)
        flops += (1.0 if number else stored / data.n_inputs) * batch * (cost.forward + cost.backward)
        weights = layer.n_weights * (1.0 if number else met / data.n_inputs)
        inputs = batch * (layer.inputs * size if number else stored * wide)
        outputs = batch * layer.outputs * len(layer.maps) * size
        products = 3 if number else 2  # forward, gradient of the weights, gradient of the inputs
        moved += products * (inputs + weights * size + outputs)
        moved += (3 + 2 * moments) * (cost.parameters - layer.n_weights + weights) * size
    resident = float(sum(memory_of(network, spec).values()))
    if not isinstance(data.X, np.ndarray):
        resident += batch * (stored * wide - data.n_inputs * size)
    return StepCost(flops, moved, resident)


@dataclass(frozen=True)
class MemoryLevel:
    """A cache, or the memory itself."""

    name: str
    holds: float  # bytes
    rate: float  # bytes per second from it


@dataclass(frozen=True)
class Ceilings:
    """The most that a device allows, on one thread of a CPU."""

    peak: float  # FLOP/s
    levels: tuple[MemoryLevel, ...]  # nearest first; the last holds everything

    def level(self, step: StepCost) -> MemoryLevel:
        """Return the nearest level that holds what a step goes over."""
        return next((level for level in self.levels if step.resident <= level.holds), self.levels[-1])

    def arithmetic(self, step: StepCost) -> float:
        """Return the seconds that the FLOPs of a step take at least."""
        return step.flops / self.peak

    def memory(self, step: StepCost) -> float:
        """Return the seconds that the bytes of a step take at least."""
        return step.bytes / self.level(step).rate

    def floor(self, step: StepCost) -> float:
        """Return the seconds that a step takes at least."""
        return max(self.arithmetic(step), self.memory(step))


def register_peaks(team: ThreadTeam) -> WorkloadGroup:
    """Return workloads that give the seconds per FLOP of sums in registers, on all threads of a team."""
    from mlpctl.bench.compiled_loops import MULTIPLICATIONS

    x = np.repeat(np.array([0.0, 0.5], np.float32), 16)

    def run(loop: Callable[..., object], vectors: int) -> float:
        seconds = team.run(lambda _: loop(x, TURNS))
        return seconds / (len(team.threads) * TURNS * vectors * VECTOR_FLOPS)

    for loop in MULTIPLICATIONS:
        loop(x, 1)  # compiles it
    return WorkloadGroup({vectors: partial(run, loop, vectors) for loop, vectors in MULTIPLICATIONS.items()})


def library_peak(device: str, threads: int = 1, size: int = LIBRARY_SIZE) -> WorkloadGroup:
    """Return the workload that gives the seconds per FLOP of torch's product of two square matrices."""
    from mlpctl.bench.matmul_products import Operands, product_workload, products_of, torch_settings

    (product,) = products_of([(size, size, size)], ["float32"], [device], [threads])
    workload = product_workload(product, Operands([product]))
    return WorkloadGroup({"product": lambda: workload() / product.flops}, partial(torch_settings, *product.group))


def ceiling_groups(device: str) -> dict[str, WorkloadGroup]:
    """Return the workloads of the ceilings: "peak" gives seconds per FLOP, each level of memory seconds per byte."""
    if device != "cpu":
        from mlpctl.system.devices import torch_device

        size = 4 * LEAST_BYTES
        triad = stream_on_gpu(torch_device(device), size)["triad", "device"]
        memory = WorkloadGroup({"triad": lambda: triad() / (OPERANDS["triad"] * size)})
        return {"peak": library_peak(device, size=GPU_SIZE), MEMORY: memory}

    def per_byte(size: int) -> WorkloadGroup:
        triad = cached_triad(size)
        return WorkloadGroup({"triad": lambda: triad() / size})

    known = caches()
    largest = max([3 * LEAST_BYTES, *(4 * cache.bytes for cache in known)])
    levels = {cache.name: per_byte(cache.bytes // 2) for cache in known}
    return {"peak": register_peaks(ThreadTeam(1)), **levels, MEMORY: per_byte(largest)}


def best_rate(samples: Samples) -> float | None:
    """Return the rate per second of the fastest run of any workload; None where none was timed."""
    seconds = [times.min() for workload in samples.workloads if len(times := samples.of(workload))]
    return float(1 / min(seconds)) if seconds else None


def ceilings_of(measured: Mapping[str, Samples]) -> Ceilings | None:
    """Return the ceilings from the samples of `ceiling_groups`; None where the peak or the memory was not timed."""
    rates = {name: rate for name, samples in measured.items() if (rate := best_rate(samples))}
    if "peak" not in rates or MEMORY not in rates:
        return None
    levels = [MemoryLevel(cache.name, cache.bytes, rates[cache.name]) for cache in caches() if cache.name in rates]
    return Ceilings(rates["peak"], (*levels, MemoryLevel(MEMORY, float("inf"), rates[MEMORY])))


@dataclass
class Roofline:
    """The measured bounds of a program's speed, and the speeds of the project's workloads."""

    levels: tuple[MemoryLevel, ...]
    shared: dict[int, float] = field(default_factory=dict)  # most threads -> bytes per second from memory
    peaks: dict[int, float] = field(default_factory=dict)  # threads -> FLOP/s in registers, float32
    library: dict[int, float] = field(default_factory=dict)  # threads -> FLOP/s of torch's matrix product
    workloads: dict[str, tuple[StepCost, Estimate]] = field(default_factory=dict)  # with the seconds of a step
    missing: list[str] = field(default_factory=list)  # sentences on workloads that are not here

    @property
    def ceilings(self) -> Ceilings | None:
        """The ceilings of one thread; None where Ctrl-C came before they were measured."""
        return Ceilings(self.peaks[1], self.levels) if 1 in self.peaks else None

    def place(self, name: str) -> tuple[str, float, float]:
        """Return the level that holds a workload's data, its FLOP/s, and its share of the roof there."""
        step, timed = self.workloads[name]
        assert self.ceilings is not None
        return self.ceilings.level(step).name, step.flops / timed.median, self.ceilings.floor(step) / timed.median


def measure_roofline(
    memory: MemoryResult, plan: TimingPlan, note: Callable[[Measurement], None] = lambda _: None
) -> tuple[Roofline, Measurement]:
    """Measure peaks and workloads; the bandwidths are known, of one thread among others."""
    shared = {k: rate for d, k, o, s in memory.bandwidth if (d, o, s) == ("cpu", "triad", "ordinary")
              and (rate := memory.rate(d, k, o, s, best=True))}  # fmt: skip
    rates = zip(memory.caches, memory.cached_rates().values(), strict=False)
    levels = [MemoryLevel(cache.name, cache.bytes, rate) for cache, rate in rates]
    trials, missing = own_workloads()
    most = max(shared)
    roofline = Roofline((*levels, MemoryLevel(MEMORY, float("inf"), shared[1])), missing=missing)
    roofline.shared = {most: shared[most]} if most > 1 else {}
    teams = {threads: ThreadTeam(threads) for threads in sorted({1, most})}
    with open_trainers(trials, ["kernel"], device="cpu") as opened:
        groups: dict[Any, WorkloadGroup] = {("peak", k): register_peaks(team) for k, team in teams.items()}
        groups |= {("library", k): library_peak("cpu", k) for k in teams}
        groups |= {("workload", name): WorkloadGroup({"kernel": own["kernel"].run}) for name, own in opened.items()}
        measured = sample(groups, plan, note=note)
    for team in teams.values():
        team.close()
    for (what, which), samples in measured.groups.items():
        if (rate := best_rate(samples)) is None:
            continue
        if what == "workload":
            roofline.workloads[which] = step_cost(trials[which]), estimate(samples.of("kernel"))
        else:
            (roofline.peaks if what == "peak" else roofline.library)[which] = rate
    return roofline, measured


def roofline_rows(roofline: Roofline) -> list[dict[str, Cell]]:
    """Return a row per peak and per workload, in the columns of `bench memory`."""
    rows: list[dict[str, Cell]] = []
    for operation, peaks in (("registers", roofline.peaks), ("product", roofline.library)):
        rows += [{"what": "peak", "device": "cpu", "threads": threads, "operation": operation, "flops": flops}
                 for threads, flops in peaks.items()]  # fmt: skip
    for name, (step, timed) in roofline.workloads.items():
        rates = {"flops": step.flops / timed.median, "flops_per_byte": step.intensity}
        rows.append({"what": "workload", "device": "cpu", "threads": 1, "operation": name, "bytes": int(step.resident),
                     **asdict(timed), **rates})  # fmt: skip
    return rows


def roofline_table(roofline: Roofline) -> Table:
    """Return the table that people read: each workload, the level of its data, its share of the roof there."""
    rows: list[dict[str, Cell]] = []
    for name, (step, timed) in roofline.workloads.items():
        level, flops, share = roofline.place(name)
        rows.append({"workload": name, "FLOP per byte": f"{step.intensity:.3g}",
                     "goes over": in_bytes(int(step.resident)), "in": level, "µs per step": f"{timed.median * 1e6:.3g}",
                     "GFLOP/s": f"{flops / 1e9:.3g}", "of its roof": f"{100 * share:.2g} %"})  # fmt: skip
    peaks = ", ".join(f"{flops / 1e9:.0f} GFLOP/s on {k}" for k, flops in roofline.peaks.items())
    library = ", ".join(f"{flops / 1e9:.0f} on {k}" for k, flops in roofline.library.items())
    notes = [
        f"Peak in float32, multiplications and additions in registers: {peaks} threads; torch's product: {library}.",
        "Steps of the kernel engine on one thread. Bytes: each product reads its operands and writes its result, the "
        "update reads and writes parameters; the roof is the triad of the level that holds what a step goes over.",
        *roofline.missing,
    ]
    return Table(list(rows[0]) if rows else [], rows, "Roofline", notes)


def draw_roofline(roofline: Roofline, path: Path, machine: str) -> None:
    """Draw roofs and workloads to a file.

    Raises:
        UsageError: if it cannot be written.
    """
    from mlpctl.display.figure_style import COLOURS, DASHES, GREY, INK, MARKERS, entitle, new_figure, save, styled

    figure, axes = new_figure(9.5, 4.8)
    costs, memory = [step for step, _ in roofline.workloads.values()], roofline.levels[-1].rate
    low, high = (end([*SHOWN_INTENSITIES, *(step.intensity for step in costs)]) for end in (min, max))
    grid, top = np.geomspace(low / 1.5, high * 1.5, 400), max(roofline.peaks.values())
    for number, level in enumerate(roofline.levels):
        axes.plot(grid, np.minimum(roofline.peaks[1], level.rate * grid), color=INK, linestyle=DASHES[-1 - number],
                  linewidth=1, label=f"one core, {level.name}: {level.rate / 1e9:.0f} GB/s")  # fmt: skip
    for threads, rate in roofline.shared.items():
        axes.plot(grid, np.minimum(top, rate * grid), color=GREY, linewidth=1,
                  label=f"{threads} cores, memory: {rate / 1e9:.0f} GB/s")  # fmt: skip
    if product := roofline.library.get(1):
        axes.plot(grid[grid > product / memory], [product] * int((grid > product / memory).sum()), color=COLOURS[4],
                  linewidth=1, label="torch's matrix product, one core")  # fmt: skip
    colours = (*COLOURS[:4], *COLOURS[5:])
    for number, (name, (step, _)) in enumerate(roofline.workloads.items()):
        level_name, flops, share = roofline.place(name)
        axes.plot(step.intensity, flops, MARKERS[number % len(MARKERS)], color=colours[number % len(colours)],
                  markersize=7, linestyle="none", label=f"{name}\n{100 * share:.2g} % of its roof ({level_name})"
                  )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="arithmetic intensity (FLOP per byte)", ylabel="GFLOP/s")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value / 1e9:g}")
    with styled():
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    entitle(axes, f"Roofline: steps of the kernel engine on one core, float32\n{machine}")
    save(figure, path)

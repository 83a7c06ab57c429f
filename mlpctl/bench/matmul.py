"""Measure matrix products: do some sizes take less time per useful operation than others (d2l exercise 5.2.7)?"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import groupby

from mlpctl.bench.matmul_products import MatrixProduct
from mlpctl.bench.records import Benchmark
from mlpctl.bench.sampling import Measurement, Samples, TimingPlan, WorkloadGroup, sample
from mlpctl.bench.timing_statistics import MATTERS, Estimate, TimeRatio, compare_times, estimate
from mlpctl.display.tables import Cell
from mlpctl.errors import DeviceError

BENCHMARK = Benchmark("matmul", 2)

NOISY = 0.10  # interquartile range over median from which a measurement is not to be trusted
RATIO_COLUMNS = ("relative", "relative_low", "relative_high", "pairs", "verdict")


@dataclass(frozen=True)
class ProductTiming:
    """The times of a product."""

    product: MatrixProduct
    estimate: Estimate  # seconds of one, of the runs that nothing disturbed if they are not too few
    taken: int  # timed runs in all
    comparison: TimeRatio | None = None  # per useful operation with the first product of its group

    @property
    def flops(self) -> float:
        """Useful operations per second."""
        return self.product.flops / self.estimate.median

    def row(self) -> dict[str, Cell]:
        """Return the row for machines, in seconds and FLOP/s."""
        ratio = asdict(self.comparison).values() if self.comparison else [None] * len(RATIO_COLUMNS)
        times = {**asdict(self.estimate), "taken": self.taken, "flops": self.flops}
        return {**asdict(self.product), **times, **dict(zip(RATIO_COLUMNS, ratio, strict=True))}


@dataclass(frozen=True)
class MatmulResult:
    """Timings in the order of the products, the samples, and sentences on products that were left out."""

    timings: list[ProductTiming]
    measured: Measurement
    left_out: list[str]


def measure_products(
    products: Sequence[MatrixProduct],
    plan: TimingPlan,
    *,
    matters: float = MATTERS,
    note: Callable[[Measurement], None] = lambda _: None,
) -> MatmulResult:
    """Time products by turns until each verdict is clear or the budget is used up.

    The others of a group are compared with its first; a relative difference of `matters` counts.

    Raises:
        DeviceError: for a device that is not there, or if none of the products can be computed.
        UsageError: if memory is too small for the operands.
    """
    supported, left_out = _supported(products)
    if not supported:
        raise DeviceError("; ".join(left_out) or "there is nothing to multiply")

    def enough(_: object, samples: Samples) -> bool:
        return all(t.comparison is None or t.comparison.verdict != "undecided" for t in timings_of(samples, matters))

    try:
        groups = _groups(supported)
    except KeyboardInterrupt:
        return MatmulResult([], Measurement({}, interrupted=True), left_out)
    measured = sample(groups, plan, enough=enough, note=note)
    timings = [timing for samples in measured.groups.values() for timing in timings_of(samples, matters)]
    return MatmulResult(sorted(timings, key=lambda t: products.index(t.product)), measured, left_out)


def timings_of(samples: Samples, matters: float = MATTERS) -> list[ProductTiming]:
    """Return the timings of a group; none of a product that has not run twice: it has no spread."""
    first, *_ = products = [workload for workload in samples.workloads if isinstance(workload, MatrixProduct)]
    timings = []
    for product in products:
        taken = len(samples.of(product, marked=True))
        if taken < 2:
            continue
        comparison = None
        if product != first and len(samples.times()):
            scale = first.flops / product.flops
            comparison = compare_times(samples, product, first, matters=matters, scale=scale)
        timings.append(ProductTiming(product, estimate(samples.of(product)), taken, comparison))
    return timings


def _supported(products: Sequence[MatrixProduct]) -> tuple[list[MatrixProduct], list[str]]:
    """Return the products that can be computed, and a sentence per device and dtype on those that cannot."""
    from mlpctl.bench.matmul_products import missing_support

    supported, missing = list[MatrixProduct](), dict[tuple[str, str, str], list[str]]()
    for product in products:
        if reason := missing_support(product):
            missing.setdefault((product.device, product.dtype, reason), []).append(product.name)
        else:
            supported.append(product)
    left_out = []
    for (device, dtype, reason), names in missing.items():
        others = {p.name for p in products if (p.device, p.dtype) == (device, dtype)} - set(names)
        which = f" of {', '.join(dict.fromkeys(names))}" if others else ""
        left_out.append(f"left out: {dtype}{which} on {device}, {reason}")
    return supported, left_out


def _groups(products: Sequence[MatrixProduct]) -> dict[tuple[str, int, str], WorkloadGroup]:
    """Return the workloads by group; those of one device and dtype share their operands."""
    from mlpctl.bench.matmul_products import Operands, product_workload, torch_settings

    groups = {}
    for _, pool in groupby(sorted(products, key=lambda p: (p.device, p.dtype)), key=lambda p: (p.device, p.dtype)):
        sharing = list(pool)
        operands = Operands(sharing)
        for key, together in groupby(sharing, key=lambda p: p.group):
            workloads = {product: product_workload(product, operands) for product in together}
            groups[key] = WorkloadGroup(workloads, partial(torch_settings, *key))
    return groups

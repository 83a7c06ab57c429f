"""`mlpctl bench matmul` (d2l exercise 5.2.7): do some sizes take less time per useful operation than others?"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby

from mlpctl.bench.matmul_cases import Case, name_of
from mlpctl.bench.medians import Estimate, estimate
from mlpctl.bench.records import Benchmark
from mlpctl.bench.timing import Group, Measured, Plan, Samples, sample
from mlpctl.bench.verdicts import MATTERS, Judged, judge
from mlpctl.display.tables import Cell
from mlpctl.errors import DeviceError

BENCHMARK = Benchmark("matmul", 2)
"""Version 1 ran every size equally often and gave no verdicts."""

SIZES = (1024, 1025, 1026, 1028, 1032)
NOISY = 0.10
"""Interquartile range over median from which a measurement says that it is not to be trusted."""


@dataclass(frozen=True)
class Timing:
    """What came of a product.

    Attributes:
        case: the product.
        estimate: seconds of one product; of the runs that nothing disturbed, if they are not too few.
        taken: timed runs in all.
        judged: its time per useful operation against that of the first product of its device, threads and dtype; None
            for that product itself.
    """

    case: Case
    estimate: Estimate
    taken: int
    judged: Judged | None = None

    @property
    def flops(self) -> float:
        """Useful operations per second."""
        return self.case.flops / self.estimate.median

    def row(self) -> dict[str, Cell]:
        """Return what machines read: seconds and FLOP/s."""
        judged = asdict(self.judged) if self.judged else dict.fromkeys(Judged.__dataclass_fields__)
        names = {"ratio": "relative", "low": "relative_low", "high": "relative_high", "rounds": "pairs"}
        return {
            **asdict(self.case),
            **asdict(self.estimate),
            "taken": self.taken,
            "flops": self.flops,
            **{names.get(name, name): value for name, value in judged.items()},
        }


@dataclass(frozen=True)
class Result:
    """What `measure` returns: timings in the order of the cases, what was sampled, what the devices lack."""

    timings: list[Timing]
    measured: Measured
    lacks: list[str]


def measure(
    cases: Sequence[Case],
    plan: Plan,
    *,
    matters: float = MATTERS,
    note: Callable[[Measured], None] = lambda _: None,
) -> Result:
    """Return the timings of products, taken by turns until each verdict is clear or the budget is used up.

    Products of one device, number of threads and dtype take turns run by run, and these groups every half second.

    Args:
        cases: what to time; the first of each group is what the others are compared with.
        plan: how much.
        matters: relative difference of times per operation that matters.
        note: told how far it is.

    Raises:
        DeviceError: for a device that is not there, or if none of the products can be done.
        UsageError: if memory is too small for the operands.
    """
    able, lacks = _able(cases)
    if not able:
        raise DeviceError("; ".join(lacks) or "there is nothing to multiply")

    def enough(_: object, samples: Samples) -> bool:
        return all(timing.judged is None or timing.judged.verdict != "undecided"
                   for timing in timings_of(samples, matters))  # fmt: skip

    try:
        groups = _groups(able)
    except KeyboardInterrupt:
        return Result([], Measured({}, interrupted=True), lacks)
    measured = sample(groups, plan, enough=enough, note=note)
    timings = [timing for samples in measured.groups.values() for timing in timings_of(samples, matters)]
    place = {case: number for number, case in enumerate(cases)}
    return Result(sorted(timings, key=lambda timing: place[timing.case]), measured, lacks)


def timings_of(samples: Samples, matters: float = MATTERS) -> list[Timing]:
    """Return the timings of a group; none of a product that has not run twice: it has no spread."""
    first, *_ = works = [work for work in samples.works if isinstance(work, Case)]
    timings = []
    for case in works:
        taken = samples.of(case, all_=True)
        if len(taken) < 2:
            continue
        judged = None
        if case != first and len(samples.times()):
            judged = judge(samples, case, first, matters=matters, scale=first.flops / case.flops)
        timings.append(Timing(case, estimate(samples.of(case)), len(taken), judged))
    return timings


def _able(cases: Sequence[Case]) -> tuple[list[Case], list[str]]:
    """Return the products that can be done, and a line per device and dtype on what cannot."""
    from mlpctl.bench.matmul_products import lack

    able, why = list[Case](), dict[tuple[str, str, str], list[str]]()
    for case in cases:
        reason = lack(case)
        if reason:
            why.setdefault((case.device, case.dtype, reason), []).append(name_of(case))
        else:
            able.append(case)
    lacks = []
    for (device, dtype, reason), names in why.items():
        of = {name_of(case) for case in cases if (case.device, case.dtype) == (device, dtype)} - set(names)
        what = f" of {', '.join(dict.fromkeys(names))}" if of else ""
        lacks.append(f"left out: {dtype}{what} on {device}, {reason}")
    return able, lacks


def _groups(cases: Sequence[Case]) -> dict[tuple[str, int, str], Group]:
    from functools import partial

    from mlpctl.bench.matmul_products import Operands, Product, setting

    def pool(case: Case) -> tuple[str, str]:
        return case.device, case.dtype

    def where(case: Case) -> tuple[str, int, str]:
        return case.where

    groups = {}
    for _, of_pool in groupby(sorted(cases, key=pool), key=pool):
        some = list(of_pool)
        operands = Operands(some)
        for key, together in groupby(some, key=where):
            groups[key] = Group({case: Product(case, operands) for case in together}, partial(setting, *key))
    return groups

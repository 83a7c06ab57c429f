"""Time matrix products of aligned and misaligned sizes, and report the width of the memory bus (5.2.7)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mlpctl.bench.matmul import NOISY
from mlpctl.bench.matmul_products import OPERAND_BYTES, products_of
from mlpctl.display.tables import Cell, Table, for_people
from mlpctl.report.dataframes import frame_rows
from mlpctl.report.figures.plot import Line, Plot
from mlpctl.report.statistics.significance import SIGNIFICANCE_LEVEL, holm, paired_test
from mlpctl.runner.experiment_file import Effort
from mlpctl.textbook.exercises.catalog import Exercise
from mlpctl.textbook.exercises.ranking import SeedDifference, paired_difference
from mlpctl.textbook.exercises.wording import list_text, percent_change, percent_of, value_text

if TYPE_CHECKING:
    import pandas as pd

    from mlpctl.textbook.exercises.collect import ExerciseOptions

CACHE_LINE = 64
"""Bytes of a cache line and of the widest vector register: rows of a multiple of them all start where one does."""


class ProductStudy(NamedTuple):
    """Times of matrix products."""

    timings: "pd.DataFrame"  # a row per round and product; `where` has device, dtype and number of threads in words
    sizes: "pd.DataFrame"  # a row per size and `where`: see `build_study`


@dataclass(frozen=True)
class ProductPlan:
    """Products to time: sizes, the first of which the others are compared with; dtypes; rounds, and runs in each."""

    sizes: tuple[int, ...]
    dtypes: tuple[str, ...]
    rounds: int
    runs: int


PRODUCT_PLANS: dict[Effort, ProductPlan] = {
    "quick": ProductPlan((256, 255, 257, 250, 240), ("float32",), 5, 7),
    "default": ProductPlan((1024, 1023, 1025, 1000, 1008, 1040), ("float32",), 7, 9),
    "thorough": ProductPlan(
        (1024, 1021, 1022, 1023, 1025, 1026, 1027, 1028, 1032, 1000, 1008, 1040, 1056), ("float32", "float64"), 15, 15
    ),
}


def collect_data(options: "ExerciseOptions") -> "pd.DataFrame":
    """Return a row per product and round: its timing, and what is known of the memory."""
    import pandas as pd
    import torch

    from mlpctl.bench.matmul import measure_products
    from mlpctl.bench.memory import memory_summary
    from mlpctl.bench.sampling import TimingPlan
    from mlpctl.system.facts import usable_cores
    from mlpctl.textbook.exercises.collect import measure_rounds

    plan, memory = PRODUCT_PLANS[options.effort], dict[str, dict[str, Cell]]()
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    threads, sizes = list(dict.fromkeys((1, usable_cores()))), [(n, n, n) for n in plan.sizes]
    products = products_of(sizes, plan.dtypes, devices, threads)

    def measure_round(number: int) -> "pd.DataFrame":
        if not memory:
            memory.update({device: memory_summary(device) for device in devices})
        done = measure_products(products, TimingPlan(warmup=3, runs=plan.runs, max_seconds=None, seed=number))
        if done.measured.interrupted:
            raise KeyboardInterrupt
        return pd.DataFrame([{"round": number, **t.row(), **memory[t.product.device]} for t in done.timings])

    return measure_rounds(options, plan.rounds, "round", measure_round)


def build_study(timings: "pd.DataFrame", _: Exercise) -> ProductStudy:
    """Return the study of the timings.

    Sizes have median seconds, relative time per operation (geometric mean, interval) and Holm's p. Tested is the
    logarithm of the time per operation against that of the first size, paired by round.
    """
    import pandas as pd

    groups, sizes = [], []
    for (device, dtype, threads), group in timings.groupby(["device", "dtype", "threads"], sort=False):
        of = _by_round(group)
        pairs, mean, half, p = paired_test(np.log(of.iloc[:, :1].to_numpy() / of.to_numpy()), 0.0)  # positive is slower
        own = group.groupby("n", sort=False).agg(seconds=("median", "median"), flops=("flops", "median")).reset_index()
        count = int(str(threads))
        where = f"{device} {dtype}" + (f" {count} thread{'' if count == 1 else 's'}" if device == "cpu" else "")
        groups.append(group.assign(where=where))
        sizes.append(own.assign(where=where, rounds=pairs, relative=np.exp(mean), low=np.exp(mean - half),
                                high=np.exp(mean + half), p=np.r_[np.nan, holm(p[1:])],
                                aligned=[is_aligned(n, str(dtype)) for n in own["n"]]))  # fmt: skip
    return ProductStudy(pd.concat(groups), pd.concat(sizes))


def _by_round(timings: "pd.DataFrame") -> "pd.DataFrame":
    """Return useful operations per second (rounds, sizes)."""
    return timings.pivot_table(index="round", columns="n", values="flops", sort=False)


def is_aligned(n: int, dtype: str) -> bool:
    """Return whether every row of n numbers starts at a multiple of 64 bytes."""
    return n * OPERAND_BYTES[dtype] % CACHE_LINE == 0


def misaligned_sizes(study: ProductStudy) -> str:
    """Claim, for each device, dtype and number of threads, whether misaligned sizes take longer than the first size."""
    timings = dict(iter(study.timings.groupby("where", sort=False)))
    paragraphs = (f"{_each_size(str(where), sizes)} {_all_sizes(sizes, timings[where])}".strip()
                  for where, sizes in study.sizes.groupby("where", sort=False))  # fmt: skip
    return "\n\n".join(paragraphs)


def _each_size(where: str, sizes: "pd.DataFrame") -> str:
    first, others = sizes.iloc[0], sizes.iloc[1:]
    n = value_text(first["n"])
    start = f"On {where}: {n} × {n} runs at {for_people(first['flops'] / 1e9)} GFLOP/s."
    wrong, right = others[~others["aligned"]], others[others["aligned"]]
    if not len(wrong):
        return f"{start} No misaligned size was measured."
    if first["rounds"] < 2:
        return f"{start} Per useful operation the misaligned take {_changes(wrong)}: one round, so that may be chance."
    is_real, is_slower = wrong["p"] < SIGNIFICANCE_LEVEL, wrong["relative"] > 1
    groups = {
        "longer, beyond chance": is_real & is_slower,
        "less, beyond chance": is_real & ~is_slower,
        "not told apart from it": ~is_real,
    }
    claimed = "; ".join(f"{_changes(wrong[chosen])} {how}" for how, chosen in groups.items() if chosen.any())
    text = f"{start} Time per useful operation of misaligned sizes: {claimed}."
    return f"{text} Other aligned sizes: {_changes(right)}." if len(right) else text


def _all_sizes(sizes: "pd.DataFrame", timings: "pd.DataFrame") -> str:
    """Return the sentence on all misaligned sizes against all aligned ones."""
    gap = misaligned_against_aligned(sizes, timings)
    if gap is None:
        return ""
    low, at, high = (percent_change(float(np.exp(x))) for x in (gap.low, gap.mean, gap.high))
    text = f"All misaligned sizes together take {at} time against the aligned"
    text += f" (95 % interval {low} to {high}, {gap.pairs} rounds)"
    return f"{text}: {'beyond chance' if gap.is_real else 'not told apart from no difference'}."


def misaligned_against_aligned(sizes: "pd.DataFrame", timings: "pd.DataFrame") -> SeedDifference | None:
    """Return how much longer misaligned sizes take than aligned ones, as a logarithm paired by round; None: unknown."""
    of, aligned = _by_round(timings), sizes["aligned"].to_numpy(dtype=bool)
    if aligned.all() or len(of) < 2:
        return None
    logs = np.log(of.to_numpy())
    return paired_difference(np.stack([logs[:, aligned].mean(axis=1), logs[:, ~aligned].mean(axis=1)], axis=1))


def _changes(rows: "pd.DataFrame") -> str:
    return list_text(
        [f"{value_text(n)} ({percent_change(r)})" for n, r in zip(rows["n"], rows["relative"], strict=True)]
    )


def memory_bus(study: ProductStudy) -> str:
    """Claim the width of the memory bus of each device, as its firmware or driver says."""
    devices = study.timings.drop_duplicates("device")[["device", "bus_bits", "source", "copy_bytes_per_second"]]
    return "\n\n".join(_bus(*row) for row in devices.to_numpy())


def _bus(device: str, bits: float | None, source: str, rate: float) -> str:
    where = "main memory" if device == "cpu" else f"the memory of {device}"
    copy = f"measured, a copy moves {for_people(rate / 1e9)} GB/s, read and written together"
    if bits is None or np.isnan(float(bits)):
        return f"The bus width of {where} is unknown: {source}; {copy}."
    return f"The data bus of {where} is {int(bits)} bits wide, says {source}; {copy}."


def noisy_timings(study: ProductStudy) -> str:
    """Claim how many timings are noisy."""
    noisy = int((study.timings["iqr"] > NOISY * study.timings["median"]).sum())
    what = f"{noisy} of {len(study.timings)} timings spread over more than {percent_of(NOISY)} between their quartiles"
    count = study.timings["round"].nunique()
    rounds = f"times are of {count} round{'s' if count > 1 else ''}"
    return f"{rounds}; {what}: other programs were running." if noisy else f"{rounds}."


def answer_table(study: ProductStudy) -> Table:
    """Return the table of an answer: a row per size, device, dtype and number of threads."""
    columns = ["where", "n", "aligned", "seconds", "relative", "low", "high", "p"]
    base = value_text(study.timings["n"].iloc[0])
    note = f"relative: seconds per 2n³, divided by those of {base} in the same round; p: Holm's, that they are equal."
    return Table(columns, frame_rows(study.sizes[columns]), "Matrix products", [note], ["n"])


def answer_plot(study: ProductStudy) -> Plot:
    """Return the plot of an answer: relative time by size, a line for each device, dtype and number of threads."""
    lines, ns, base = [], sorted(study.timings["n"].unique()), value_text(study.timings["n"].iloc[0])
    for where, sizes in study.sizes.groupby("where", sort=False):
        own = sizes.sort_values("n")
        relative, low, high = (own[name].tolist() for name in ("relative", "low", "high"))
        lines.append(Line(str(where), [float(ns.index(n)) for n in own["n"]], relative, low, high))
    words = tuple(f"{n}" if is_aligned(n, "float32") else f"{n}*" for n in ns)
    title = f"Time per useful operation, relative to {base} × {base}\nmean and 95 % interval over rounds"
    return Plot(
        title, "rows and columns (* no multiple of 16)", "relative time per operation", tuple(lines), words=words
    )

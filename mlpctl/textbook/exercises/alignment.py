"""Exercise 5.2.7: matrix products of aligned and misaligned sizes, and the memory bus."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlpctl.bench.matmul import NOISY, measure_products
from mlpctl.bench.matmul_products import OPERAND_BYTES, products_of
from mlpctl.bench.sampling import TimingPlan
from mlpctl.display.tables import Cell, Table, for_people
from mlpctl.report.dataframes import rows_of
from mlpctl.report.statistics.significance import ALPHA, holm, paired_test
from mlpctl.runner.experiment_file import Effort
from mlpctl.textbook.exercises.answer import Answer, Line, Plot
from mlpctl.textbook.exercises.sentences import listed, percent, sentences, share, shown

if TYPE_CHECKING:
    import pandas as pd

    from mlpctl.textbook.exercises.solve import Setting

ALIGNED = 64
"""Bytes of a cache line and of the widest vector register: rows of a multiple of them all start where one does."""


@dataclass(frozen=True)
class Plan:
    """What is timed: sizes, the first of which the others are compared with; dtypes; rounds, and products in each."""

    sizes: tuple[int, ...]
    dtypes: tuple[str, ...]
    rounds: int
    runs: int


PLANS: dict[Effort, Plan] = {
    "quick": Plan((256, 255, 257, 250, 240), ("float32",), 5, 7),
    "default": Plan((1024, 1023, 1025, 1000, 1008, 1040), ("float32",), 7, 9),
    "thorough": Plan(
        (1024, 1021, 1022, 1023, 1025, 1026, 1027, 1028, 1032, 1000, 1008, 1040, 1056), ("float32", "float64"), 15, 15
    ),
}


def measure(setting: "Setting") -> "pd.DataFrame":
    """Return a row per product and round: its timing, and what is known of the memory; kept as CSV.

    A round has operands of its own, so that where they happen to lie in memory is part of the spread.
    """
    import pandas as pd
    import torch

    from mlpctl.bench.memory import memory_summary
    from mlpctl.runner.experiment import seeds_of
    from mlpctl.system.facts import usable_cores

    kept, plan = setting.folder / f"{setting.effort}.csv", PLANS[setting.effort]
    rounds = seeds_of(setting.seeds or plan.rounds, {})
    done = [pd.read_csv(kept)] if kept.is_file() and not setting.force else []
    known = set(done[0]["round"]) if done else set()
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    products = products_of(
        [(n, n, n) for n in plan.sizes], plan.dtypes, devices, list(dict.fromkeys((1, usable_cores())))
    )
    memory: dict[str, dict[str, Cell]] = {}
    for number in (n for n in rounds if n not in known):
        if not memory:
            memory = {device: memory_summary(device) for device in devices}
        sampling = TimingPlan(warmup=3, runs=plan.runs, max_seconds=None, seed=number)
        result = measure_products(products, sampling)
        if result.measured.interrupted:
            raise KeyboardInterrupt
        rows = [{"round": number, **timing.row(), **memory[timing.product.device]} for timing in result.timings]
        done.append(pd.DataFrame(rows))
        kept.parent.mkdir(parents=True, exist_ok=True)
        pd.concat(done).to_csv(kept, index=False)
    table = pd.concat(done)
    return table[table["round"].isin(rounds)].reset_index(drop=True)


def answer(timings: "pd.DataFrame") -> Answer:
    """Return whether misaligned sizes take longer per useful operation than the first size, and the bus width."""
    table = judged(timings)
    base, sizes = shown(table["n"].iloc[0]), sorted(table["n"].unique())
    groups = dict(iter(table.groupby(table["where"], sort=False)))
    memories = timings.drop_duplicates("device")
    raw = timings.groupby(["device", "dtype", "threads"], sort=False)
    said = []
    for (where, group), (_, own) in zip(groups.items(), raw, strict=True):
        said.append(f"{_verdict(str(where), group)} {_together(own)}".strip())
    said += [_memory(*row) for row in memories[["device", "bus_bits", "source", "copy_bytes_per_second"]].to_numpy()]
    noisy = int((timings["iqr"] > NOISY * timings["median"]).sum())
    if noisy:
        said.append(f"{noisy} of {len(timings)} timings spread over more than {share(NOISY)} between their quartiles: "
                    "other programs were running.")  # fmt: skip
    lines = []
    for where, group in groups.items():
        own = group.sort_values("n")
        x = [float(sizes.index(n)) for n in own["n"]]
        lines.append(Line(str(where), x, own["relative"].tolist(), own["low"].tolist(), own["high"].tolist()))
    words = tuple(f"{n}" if aligned(n, "float32") else f"{n}*" for n in sizes)
    title = f"Time per useful operation, relative to {base} × {base}\nmean and 95 % interval over rounds"
    plot = Plot(
        title, "rows and columns (* no multiple of 16)", "relative time per operation", tuple(lines), words=words
    )
    columns = ["where", "n", "aligned", "seconds", "relative", "low", "high", "p"]
    note = f"relative: seconds per 2n³, divided by those of {base} in the same round; p: Holm's, that they are equal."
    return Answer(sentences(*said), Table(columns, rows_of(table[columns]), "Matrix products", [note], ["n"]), plot)


def aligned(n: int, dtype: str) -> bool:
    """Whether every row of n numbers starts at a multiple of 64 bytes."""
    return n * OPERAND_BYTES[dtype] % ALIGNED == 0


def judged(timings: "pd.DataFrame") -> "pd.DataFrame":
    """Return a row per size: median seconds, relative time per operation (geometric mean, interval), Holm's p.

    Tested is the logarithm of the time per operation against that of the first size, paired by round.
    """
    import pandas as pd

    done = []
    first = timings["n"].iloc[0]
    for (device, dtype, threads), group in timings.groupby(["device", "dtype", "threads"], sort=False):
        of = group.pivot_table(index="round", columns="n", values="flops", sort=False)
        logs = np.log(of[[first]].to_numpy() / of.to_numpy())  # (rounds, sizes): positive is slower
        pairs, mean, half, p = paired_test(logs, 0.0)
        own = group.groupby("n", sort=False).agg(seconds=("median", "median"), flops=("flops", "median")).reset_index()
        count = int(str(threads))
        where = f"{device} {dtype}" + (f" {count} thread{'' if count == 1 else 's'}" if device == "cpu" else "")
        own = own.assign(where=where, rounds=pairs, relative=np.exp(mean),
                         low=np.exp(mean - half), high=np.exp(mean + half))  # fmt: skip
        own["aligned"] = [aligned(n, str(dtype)) for n in own["n"]]
        own["p"] = np.r_[np.nan, holm(p[1:])]
        done.append(own)
    return pd.concat(done, ignore_index=True)


def _verdict(where: str, group: "pd.DataFrame") -> str:
    first, others = group.iloc[0], group.iloc[1:]
    start = f"On {where}: {shown(first['n'])} × {shown(first['n'])} runs at {for_people(first['flops'] / 1e9)} GFLOP/s."
    wrong, right = others[~others["aligned"]], others[others["aligned"]]
    if not len(wrong):
        return f"{start} No misaligned size was measured."
    if first["rounds"] < 2:
        return f"{start} Per useful operation the misaligned take {_each(wrong)}: one round, so that may be chance."
    slower, faster = (wrong[(wrong["p"] < ALPHA) & ((wrong["relative"] > 1) == more)] for more in (True, False))
    equal = wrong[~wrong["n"].isin([*slower["n"], *faster["n"]])]
    told = [f"{_each(some)} {how}" for some, how in (
        (slower, "longer, beyond chance"), (faster, "less, beyond chance"), (equal, "not told apart from it"),
    ) if len(some)]  # fmt: skip
    text = f"{start} Time per useful operation of misaligned sizes: {'; '.join(told)}."
    if len(right):
        text += f" Other aligned sizes: {_each(right)}."
    return text


def _together(group: "pd.DataFrame") -> str:
    """Return the sentence on all misaligned sizes against all aligned ones, paired by round."""
    of = group.pivot_table(index="round", columns="n", values="flops", sort=False)
    is_aligned = np.array([aligned(int(n), str(group["dtype"].iloc[0])) for n in of.columns])
    if is_aligned.all() or len(of) < 2:
        return ""
    logs = np.log(of.to_numpy())
    gaps = logs[:, is_aligned].mean(axis=1) - logs[:, ~is_aligned].mean(axis=1)  # (rounds,): positive is slower
    _, mean, half, p = (float(x[0]) for x in paired_test(gaps[:, None], 0.0))
    ends = f"95 % interval {percent(np.exp(mean - half) - 1)} to {percent(np.exp(mean + half) - 1)}, {len(of)} rounds"
    told = f"All misaligned sizes together take {percent(np.exp(mean) - 1)} time against the aligned ({ends})"
    return f"{told}: {'beyond chance' if p < ALPHA else 'not told apart from no difference'}."


def _each(rows: "pd.DataFrame") -> str:
    return listed([f"{shown(n)} ({percent(r - 1)})" for n, r in zip(rows["n"], rows["relative"], strict=True)])


def _memory(device: str, bits: float | None, source: str, rate: float) -> str:
    which = "main memory" if device == "cpu" else f"the memory of {device}"
    copy = f"measured, a copy moves {for_people(rate / 1e9)} GB/s, read and written together"
    if bits is None or np.isnan(float(bits)):
        return f"The bus width of {which} is unknown: {source}; {copy}."
    return f"The data bus of {which} is {int(bits)} bits wide, says {source}; {copy}."

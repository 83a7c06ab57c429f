"""`mlpctl bench matmul`: products against an oracle, verdicts from made-up times, files, Ctrl-C; no real time."""

import csv
import io
import json
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from mlpctl.bench import matmul_products, sampling
from mlpctl.bench.matmul import ProductTiming, measure_products
from mlpctl.bench.matmul_baseline import PRODUCT_COLUMNS, changes_from
from mlpctl.bench.matmul_products import (
    MatrixProduct,
    Operands,
    missing_support,
    multiplication,
    parse_shapes,
    product_workload,
    products_of,
    torch_settings,
)
from mlpctl.bench.matmul_report import matmul_table
from mlpctl.bench.sampling import TimingPlan
from mlpctl.bench.system_noise import ProcessorTimes
from mlpctl.bench.timing_statistics import Estimate
from mlpctl.display.tables import Cell
from mlpctl.errors import DeviceError, UsageError
from tests.helpers.cli import Cli

ONE = MatrixProduct(33, 20, 17, 1, "none", 0, "float32", "cpu", 1, False)
STAMP_OF_TODAY: dict[str, Cell] = {
    "benchmark": "matmul",
    "benchmark_version": 2,
    "mlpctl": "1",
    "machine": "here",
    "software": "torch",
}
QUICK = ("bench", "matmul", "--device", "cpu", "--sizes", "32,33", "--runs", "3", "--warmup", "1")


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16", "int8"])
@pytest.mark.parametrize("transposed", ["none", "a", "b", "both"])
@pytest.mark.parametrize("batch", [1, 3])
def test_what_is_timed_is_the_product(dtype: str, transposed: str, batch: int) -> None:
    (product,) = products_of([(33, 20, 17)], [dtype], ["cpu"], [1], batches=[batch], transposed=[transposed])
    if missing_support(product):
        assert (dtype, batch) == ("int8", 3)
        return
    operands = Operands([product])
    a, b, out = operands.of(product)[0]
    assert a.is_contiguous() == (transposed in ("none", "b"))
    assert b.is_contiguous() == (transposed in ("none", "a"))
    multiplication(product)(a, b, out)
    true = a.double().numpy() @ b.double().numpy()
    assert out.shape == true.shape
    tolerance = {"float64": 1e-12, "float32": 1e-4, "bfloat16": 0.1, "float16": 0.02, "int8": 0.0}[dtype]
    assert np.abs(out.double().numpy() - true).max() <= tolerance * np.abs(true).max()


def test_operands_are_normal_and_lie_where_those_of_other_sizes_do() -> None:
    products = products_of([(n, n, n) for n in (64, 65)], ["float32", "int8"], ["cpu"], [1])
    pool = Operands(products[:2])
    (small,), (large,) = pool.of(products[0]), pool.of(products[1])
    assert [x.data_ptr() for x in small] == [x.data_ptr() for x in large]
    numbers = large[0].numpy()
    assert abs(numbers.mean()) < 0.1
    assert numbers.std() == pytest.approx(1.0, abs=0.05)
    whole = Operands(products[2:]).of(products[2])[0][0]
    assert whole.dtype == torch.int8
    assert whole.float().std() == pytest.approx(32, abs=2)


def test_cold_operands_rotate_through_more_than_the_cache_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matmul_products, "last_cache", lambda _: 1 << 20)
    product = replace(ONE, m=100, k=100, n=100, cold=True)
    rotation = Operands([product]).of(product)
    starts = [a.data_ptr() for a, _, _ in rotation]
    assert len(set(starts)) == len(starts) > 1
    assert all(b - a >= 4 * 100 * 100 for a, b in pairwise(starts))
    assert starts[-1] - starts[0] > 1 << 20


def test_short_products_are_repeated_until_a_run_is_long_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(matmul_products, "multiplication", lambda _: lambda *_: calls.append(1))
    once = product_workload(ONE, Operands([ONE]))
    clock = iter(range(0, 10**12, 50_000))  # 50 µs a run
    monkeypatch.setattr(time, "perf_counter_ns", lambda: next(clock))
    assert once() == pytest.approx(50e-6)
    assert once() == pytest.approx(50e-6 / 20)
    assert len(calls) == 21


def test_threads_and_tf32_are_put_back() -> None:
    threads, precision = torch.get_num_threads(), torch.backends.cuda.matmul.fp32_precision
    with torch_settings("cpu", threads + 1, "tf32"):
        assert torch.get_num_threads() == threads + 1
        assert torch.backends.cuda.matmul.fp32_precision == "tf32"
        with torch_settings("cuda", 1, "float32"):
            assert torch.backends.cuda.matmul.fp32_precision == "ieee"
            assert torch.get_num_threads() == threads + 1
    assert torch.get_num_threads() == threads
    assert torch.backends.cuda.matmul.fp32_precision == precision


def test_what_a_device_lacks_is_found_by_trying(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing_support(ONE) == ""
    assert missing_support(replace(ONE, dtype="int8")) == ""
    assert missing_support(replace(ONE, dtype="tf32"))
    assert missing_support(replace(ONE, dtype="int8", batch=2))

    def refuses(_: MatrixProduct) -> Callable[[object, object, object], None]:
        def multiply(*_: object) -> None:
            raise RuntimeError("not implemented for 'Half'\nmore")

        return multiply

    monkeypatch.setattr(matmul_products, "multiplication", refuses)
    assert missing_support(ONE) == "torch says: not implemented for 'Half'"
    monkeypatch.setattr(matmul_products, "multiplication", lambda _: lambda *matrices: matrices[2].fill_(1))
    assert missing_support(ONE) == "its products are wrong here"
    with pytest.raises(DeviceError, match="left out: float32 on cpu, its products are wrong here"):
        measure_products([ONE], TimingPlan())


def test_operands_that_do_not_fit_into_memory_are_refused() -> None:
    with pytest.raises(UsageError, match=r"GiB are free on cpu: choose smaller sizes"):
        Operands([replace(ONE, m=10**8, k=10**5)])


def test_cases() -> None:
    assert len(products_of([(8, 8, 8)], ["float32"], ["cpu", "cuda"], [1, 2])) == 3  # threads vary on the CPU alone
    again = products_of([(8, 8, 8), (8, 8, 8), (8, 9, 8)], ["float32"], ["cpu"], [2], batches=[1, 4])
    names = ["8", "8 again", "8×9×8", "4 of 8", "4 of 8 again", "4 of 8×9×8"]
    assert [product.name for product in again] == names
    first, *_ = products_of([(8, 8, 8)], ["float32"], ["cpu"], [2], transposed=["b", "none"])
    assert (first.name, first.place) == ("8 Bᵀ", "cpu float32, 2 threads")
    assert replace(first, device="cuda").place == "cuda float32"
    assert first.flops == 2 * 8**3


def test_shapes() -> None:
    assert parse_shapes("64x784x256, 10") == [(64, 784, 256), (10, 10, 10)]
    with pytest.raises(UsageError, match=r"such as 64x784x256, got '64x2'"):
        parse_shapes("64x2")


def fake(monkeypatch: pytest.MonkeyPatch, rates: dict[int, float], stop: float = np.inf, noise: float = 0.01) -> None:
    """Make products take what `rates` (size -> FLOP/s) say, with some noise; Ctrl-C comes after `stop` products."""
    rng, done = np.random.default_rng(0), [0]

    def seconds(product: MatrixProduct) -> Callable[[], float]:
        def once() -> float:
            done[0] += 1
            if done[0] > stop:
                raise KeyboardInterrupt
            return float(product.flops / rates[product.m] * np.exp(noise * rng.normal()))

        return once

    monkeypatch.setattr(matmul_products, "product_workload", lambda product, _: seconds(product))


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_every_product_is_timed(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "WARMUP_SECONDS", 0.0)
    done = cli(*QUICK, "--dtype", "float32,int8,tf32", "--threads", "1,2", "--format", "csv")
    assert done.code == 0
    rows = rows_of(done.out)
    assert [(r["m"], r["dtype"], r["threads"]) for r in rows] == [
        (n, dtype, threads) for dtype in ("float32", "int8") for threads in "12" for n in ("32", "33")
    ]
    for row in rows:
        median = float(row["median"])
        assert float(row["min"]) <= float(row["low"]) <= median <= float(row["high"]) <= float(row["max"])
        assert float(row["flops"]) == pytest.approx(2 * int(row["n"]) ** 3 / median)
        assert row["benchmark"] == "matmul"
        assert bool(row["verdict"]) == (row["m"] == "33")
    assert "left out: tf32 on cpu" in done.err


def test_verdicts_are_found_and_written_in_every_format(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, {64: 1e9, 65: 1e9, 66: 0.8e9, 68: 1.3e9})
    command = ("bench", "matmul", "--device", "cpu", "--sizes", "64,65,66,68,64", "--threads", "1")
    done = cli(*command, "--format", "json", "--plot", "m.svg")
    assert done.code == 0
    assert {(row["m"], row["copy"]): row["verdict"] for row in json.loads(done.out)} == {
        (64, 0): None, (65, 0): "same", (66, 0): "slower", (68, 0): "faster", (64, 1): "same",
    }  # fmt: skip
    picture = Path("m.svg").read_text()
    assert all(text in picture for text in ("GFLOP/s", "slower", "64 again", "1 thread"))
    assert cli(*command, "--runs", "3", "--format", "md", "-o", "m.md").code == 0
    assert Path("m.md").read_text().startswith("**Matrix products")


def test_people_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The snapshot of the command's words."""
    fake(monkeypatch, {64: 1e9, 65: 1e9, 66: 0.8e9, 68: 1.3e9}, noise=0.0)
    products = products_of([(n, n, n) for n in (64, 65, 66, 68)], ["float32"], ["cpu"], [1])
    table = matmul_table(measure_products(products, TimingPlan(runs=24)), STAMP_OF_TODAY, ["be quiet"])
    shown = [[row[name] for name in ("size", "GFLOP/s", "time per operation", "verdict")] for row in table.rows]
    assert shown == [
        ["64", "1", "", ""],
        ["65", "1", "+0.0 % … +0.0 %", "same"],
        ["66", "0.8", "+25.0 % … +25.0 %", "slower"],
        ["68", "1.3", "−23.1 % … −23.1 %", "faster"],
    ]
    notes = [note for note in table.notes if "left out" not in note]
    assert notes[0] == (
        "cpu float32, 1 thread: against 64, 66 (+25.0 %) is more than 5 % slower; 68 (−23.1 %) is more than 5 % "
        "faster; 65 (+0.0 %) is the same within 5 %."
    )
    assert notes[1:] == ["hint: be quiet", "on here; torch; mlpctl 1, matmul v2; 0 s"]


def test_an_earlier_run_is_compared_with(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ("bench", "matmul", "--device", "cpu", "--threads", "1", "--format", "csv")
    fake(monkeypatch, {64: 1e9, 65: 1e9, 66: 1e9})
    assert cli(*command, "--sizes", "64,65", "-o", "old.csv").code == 0
    again = cli(*command, "--sizes", "64,65,66", "--compare", "old.csv")
    assert again.code == 0
    assert [row["before_verdict"] for row in rows_of(again.out)] == ["same", "same", ""]
    fake(monkeypatch, {64: 1e9, 65: 0.8e9})
    monkeypatch.setattr("mlpctl.bench.system_noise.processor_times", lambda: ProcessorTimes(1.0, 0.0, 0.0, 0.0, 0))
    Path("old.csv").write_text(Path("old.csv").read_text().replace("torch 2", "torch 1"))
    worse = cli(*command[:-2], "--sizes", "64,65", "--compare", "old.csv")
    assert worse.code == 6
    assert "65 on cpu float32, 1 thread" in worse.err
    assert "64 on cpu" not in worse.err
    assert "torch 1" in " ".join(worse.out.split())  # that it ran on another one


@pytest.mark.parametrize(
    ("median", "shortest", "disturbed", "verdict"),
    [
        (1.3, 1.3, False, "slower"),
        (1.3, 1.3, True, "undecided"),  # other programs ran
        (1.3, 1.0, False, "undecided"),  # now and then it was as fast as before
        (0.7, 0.7, False, "faster"),
        (0.7, 0.7, True, "undecided"),
        (1.0, 1.0, True, "same"),
    ],
)
def test_what_another_program_may_have_done_is_undecided(
    median: float, shortest: float, disturbed: bool, verdict: str
) -> None:
    product = products_of([(64, 64, 64)], ["float32"], ["cpu"], [1])[0]
    before = {name: str(getattr(product, name)) for name in PRODUCT_COLUMNS}
    earlier = {tuple(before.values()): {"min": "1.0", "low": "1.0", "median": "1.0", "high": "1.0"}}
    now = ProductTiming(product, Estimate(24, median, median, median, 0.0, shortest, median), 24)
    [change] = changes_from([now], earlier, disturbed=disturbed)
    assert change is not None
    assert change.before_verdict == verdict


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("matmul,2,", "matmul,1,", "measured by version 1 of the benchmark, this is version 2"),
        ("matmul,2,", "memory,2,", "is a result of `mlpctl bench memory`"),
        ("median", "middle", "it lacks median"),
        (",0.001", ",nothing", "line 2: min, low, median and high must be seconds above 0"),
    ],
)
def test_files_that_do_not_compare(cli: Cli, old: str, new: str, message: str, tmp_path: Path) -> None:
    columns = "benchmark,benchmark_version,mlpctl,machine,software,started,m,k,n,batch,transposed,copy,dtype,device,"
    columns += "threads,cold,min,median,low,high\n"
    text = columns + "matmul,2,0.1.0,here,torch,now,8,8,8,1,none,0,float32,cpu,1,False,0.001,0.001,0.001,0.001\n"
    (tmp_path / "old.csv").write_text(text.replace(old, new))
    done = cli(*QUICK, "--compare", "old.csv")
    assert done.code == 4
    assert message in done.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--sizes", "0"), 2, "sizes must be 1 at least"),
        (("--sizes", "a"), 2, "--sizes takes whole numbers"),
        (("--shapes", "4x4"), 2, "rows x inner x columns"),
        (("--dtype", "flaot32"), 2, "did you mean 'float32'?"),
        (("--threads", "0"), 2, "threads must be 1 at least"),
        (("--batch", "0"), 2, "batches must be 1 at least"),
        (("--transpose", "c"), 2, "unknown operand 'c'"),
        (("--sizes", ","), 2, "at least one size"),
        (("--device", "cuda"), 5, "device cuda is not there"),
        (("--dtype", "tf32"), 5, "left out: tf32 on cpu"),
        (("--plot", "m.txt"), 2, "figures are .png, .svg, .pdf files"),
        (("--compare", "none.csv"), 4, "cannot read none.csv"),
    ],
)
def test_bad_benchmarks(cli: Cli, arguments: tuple[str, ...], code: int, message: str) -> None:
    done = cli("bench", "matmul", *arguments)
    assert done.code == code
    assert message in done.err


def test_the_budget_ends_what_cannot_be_decided(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, {8: 1e9, 9: 1e9 / 1.05})
    done = cli("bench", "matmul", "--device", "cpu", "--sizes", "8,9", "--threads", "1", "--max-seconds", "0.3")
    assert done.code == 0
    assert "undecided" in done.out
    assert "--max-seconds" in done.out


def test_ctrl_c_at_once_leaves_an_older_file_alone(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, {8: 1e9}, stop=0)
    Path("m.csv").write_text("of yesterday\n")
    done = cli("bench", "matmul", "--device", "cpu", "--sizes", "8", "--format", "csv", "-o", "m.csv")
    assert done.code == 130
    assert "nothing was written" in done.err
    assert Path("m.csv").read_text() == "of yesterday\n"


def test_ctrl_c_keeps_the_runs_of_every_size(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, {8: 1e9, 9: 1e9, 10: 1e9}, stop=3 * 2 + 3 * 4 + 1)  # warm-up, then four rounds and one run
    done = cli("bench", "matmul", "--device", "cpu", "--sizes", "8,9,10", "--threads", "1", "--warmup", "1",
               "--runs", "50", "--format", "csv", "-o", "m.csv")  # fmt: skip
    assert done.code == 130
    assert "4 runs of each workload at least" in done.err
    assert sorted(int(row["taken"]) for row in rows_of(Path("m.csv").read_text())) == [4, 4, 5]

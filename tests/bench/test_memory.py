"""`mlpctl bench memory`: loops that compute what they say, levels found in simulated latencies, the command itself."""

import csv
import io
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlpctl.bench import bandwidth, memory, roofline
from mlpctl.bench.bandwidth import ThreadTeam, stream_on_cpu
from mlpctl.bench.cache_latency import (
    Cache,
    caches,
    chain_of,
    chain_sizes,
    large_page_zeros,
    latency_levels,
    load_chain,
)
from mlpctl.bench.compiled_loops import LOOPS, MULTIPLICATIONS, chase
from mlpctl.bench.memory import MemoryResult
from mlpctl.bench.memory_bus import MemoryBus
from mlpctl.bench.memory_report import memory_rows, memory_tables
from mlpctl.bench.records import STAMP
from mlpctl.bench.roofline import MEMORY, MemoryLevel, Roofline, draw_roofline, roofline_rows, roofline_table, step_cost
from mlpctl.bench.timing_statistics import Estimate
from mlpctl.display.tables import to_text
from tests.helpers.cli import Cli
from tests.helpers.making import classes, work_of


@pytest.mark.parametrize("way", LOOPS)
def test_loops_compute_what_they_are_named_for(way: tuple[str, str]) -> None:
    rng = np.random.default_rng(0)
    a, b, c = (large_page_zeros(512) for _ in range(3))
    a[:], b[:], c[:] = -1.0, rng.normal(size=512), rng.normal(size=512)
    LOOPS[way](a, b, c, 3.0, 64, 448, 2)
    wanted = {"copy": b, "scale": 3 * b, "add": b + c, "triad": b + 3 * c}[way[0]]
    assert np.allclose(a[64:448], wanted[64:448], rtol=1e-12, atol=1e-15)
    assert (a[:64] == -1).all()
    assert (a[448:] == -1).all()


@pytest.mark.parametrize(("operation", "bytes_"), [("copy", 16), ("scale", 16), ("add", 24), ("triad", 24)])
def test_bytes_are_counted_as_stream_does(operation: str, bytes_: int) -> None:
    assert 8 * bandwidth.OPERANDS[operation] == bytes_  # of each number, McCalpin's table


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_share_out_the_whole_arrays(threads: int) -> None:
    team = ThreadTeam(threads)
    seen = np.zeros(1000, np.int64)
    ends = [1000 // 64 * k // threads * 64 for k in range(threads + 1)]

    def loop(a: Any, b: Any, c: Any, s: float, first: int, end: int, times: int) -> None:
        assert (a[first:end] == 0).all()
        assert (b[first:end] == 1).all()
        assert (c[first:end] == 2).all()
        seen[first:end] += times

    works = stream_on_cpu(team, 8000, {("copy", "ordinary"): loop})
    assert works["copy", "ordinary"]() > 0
    assert (seen[:960] == 1).all()  # fifteen whole pieces of 64 numbers
    assert ends[-1] == 960
    team.close()


def test_an_error_in_a_thread_is_the_caller_s() -> None:
    team = ThreadTeam(2)

    def fail(k: int) -> None:
        if k:
            raise ArithmeticError("in thread 1")

    with pytest.raises(ArithmeticError, match="in thread 1"):
        team.run(fail)
    assert team.run(lambda _: None) > 0
    team.close()


@pytest.mark.parametrize("lines", [1, 2, 100, 4096])
def test_a_chain_visits_every_line_once_before_it_returns(lines: int) -> None:
    assert load_chain(lines * 64, cached=True)() > 0
    following = chain_of(lines, seed=0)
    at, seen = 0, set()
    for _ in range(lines):
        seen.add(at)
        at = int(following[at])
    assert at == 0
    assert len(seen) == lines
    assert int(chase(following, 0, 8 * lines)) == 0


def test_registers_multiply_what_is_counted() -> None:
    x = np.r_[np.full(16, 2.0), np.full(16, 0.5)].astype(np.float32)
    for loop, vectors in MULTIPLICATIONS.items():
        assert loop(x, 0) == 16 * vectors * 2.0
        assert loop(x, 1) == 16 * vectors * 3.0  # every one of the sums: 2 · 0.5 + 2


# --- caches and latency

KIB = 1024
TOLD = [Cache("L1", 48 * KIB, 96 * KIB), Cache("L2", 1024 * KIB, 2048 * KIB), Cache("L3", 32 << 20, 32 << 20)]


def test_caches_are_read_from_the_system(tmp_path: Path) -> None:
    for cpu in (0, 1, 10):
        for index, (kind, level, size, shared) in enumerate(
            [("Data", 1, "48K", str(cpu)), ("Instruction", 1, "32K", str(cpu)), ("Unified", 2, "1024K", str(cpu)),
             ("Unified", 3, "32M", "0-10")]
        ):  # fmt: skip
            folder = tmp_path / f"cpu{cpu}" / "cache" / f"index{index}"
            folder.mkdir(parents=True)
            for name, value in {"type": kind, "level": level, "size": size, "shared_cpu_list": shared}.items():
                (folder / name).write_text(f"{value}\n")
    (tmp_path / "cpu0" / "cache" / "index9").mkdir()  # a guest may have the folder and nothing in it
    assert caches(tmp_path) == [
        Cache("L1", 48 * KIB, 3 * 48 * KIB), Cache("L2", 1024 * KIB, 3 * 1024 * KIB), Cache("L3", 32 << 20, 32 << 20),
    ]  # fmt: skip
    assert caches(tmp_path / "none") == []


def simulated(
    sizes: list[int], held: list[int], seconds: list[float], *, noise: float = 0.0, seed: int = 0
) -> list[float]:
    """Return the time of a load where caches of `held` bytes keep what they can of a larger set."""
    rng, times = np.random.default_rng(seed), []
    for size in sizes:
        shares = np.diff([0.0, *(min(1.0, cache / size) for cache in held), 1.0])
        times.append(float(shares @ seconds) * (1 + noise * float(rng.exponential())))
    return times


def test_levels_and_steps_are_where_the_simulated_caches_end() -> None:
    sizes = chain_sizes(TOLD)
    assert sizes[0] == 8 * KIB
    assert sizes[-1] >= 3 * TOLD[-1].bytes
    assert all(size % 64 == 0 for size in sizes)
    for noise in (0.0, 0.02, 0.05):
        seconds = simulated(sizes, [cache.bytes for cache in TOLD], [1e-9, 4e-9, 15e-9, 120e-9], noise=noise)
        levels = latency_levels(sizes, seconds, TOLD)
        assert [round(level.seconds * 1e9) for level in levels[:3]] == pytest.approx([1, 4, 15], rel=0.15)
        assert levels[-1].seconds > 60e-9
        assert [level.cache for level in levels] == [*TOLD, None]
        for (near, far), cache in zip(pairwise(levels), TOLD, strict=True):
            assert near.last <= cache.bytes <= far.first
            assert near.half_way is not None
            assert cache.bytes / 1.3 <= near.half_way <= 2 * cache.bytes


def test_one_level_has_no_rise_and_a_missing_cache_is_not_seen() -> None:
    sizes = chain_sizes(TOLD)
    (flat,) = latency_levels(sizes, simulated(sizes, [], [5e-9], noise=0.05), TOLD)
    assert (flat.half_way, flat.cache) == (None, None)
    small = simulated(
        sizes, [48 * KIB, 256 * KIB], [1e-9, 4e-9, 100e-9]
    )  # the second cache is a quarter of what is told
    near, middle, *_ = latency_levels(sizes, small, TOLD)
    assert near.cache == TOLD[0]
    assert middle.half_way is not None
    assert middle.half_way < TOLD[1].bytes / 2


def test_disturbed_runs_make_no_level() -> None:
    sizes = chain_sizes(TOLD)
    seconds = simulated(sizes, [cache.bytes for cache in TOLD], [1e-9, 4e-9, 15e-9, 120e-9])
    seconds[5] *= 3  # within L1
    seconds[12] *= 2  # within L2
    assert len(latency_levels(sizes, seconds, TOLD)) == 4


# --- counting


def test_flops_and_bytes_of_a_step_by_hand() -> None:
    work = work_of(classes(k=3, n=60, d=5), widths=(8,), batch_size=16, optimizer="sgd", dtype="float32")
    step = step_cost(work)
    first, last = 5 * 8, 8 * 3
    assert step.flops == 16 * (2 * (first + first) + 2 * (last + last + last))
    inputs = work.data.X.dtype.itemsize * 16 * 5
    moved = 2 * (inputs + 4 * (first + 16 * 8)) + 3 * 4 * (16 * 8 + last + 16 * 3)
    moved += 3 * 4 * (first + 8 + last + 3)  # weight, gradient, weight again
    assert step.bytes == moved
    adam = step_cost(work_of(classes(k=3, n=60, d=5), widths=(8,), batch_size=16, optimizer="adam", dtype="float32"))
    assert adam.bytes - step.bytes == 4 * 4 * (first + 8 + last + 3)  # two moments, read and written


def test_sparse_inputs_count_what_is_stored() -> None:
    data = classes(k=3, n=60, d=50, sparse=True)
    work = work_of(data, widths=(), model="softmax", batch_size=4, optimizer="sgd")
    stored = work.data.X.nnz / 60  # type: ignore[union-attr]
    step = step_cost(work)
    assert step.flops == pytest.approx(4 * stored * 3 * 4)
    dense = step_cost(work_of(classes(k=3, n=60, d=50), widths=(), model="softmax", batch_size=4, optimizer="sgd"))
    assert dense.flops == 4 * 50 * 3 * 4


# --- tables, figure, command


def timed(seconds: float) -> Estimate:
    return Estimate(9, seconds, seconds, seconds, 0.0, seconds, seconds)


def found(**changes: Any) -> MemoryResult:
    sizes = chain_sizes(TOLD)
    seconds = simulated(sizes, [cache.bytes for cache in TOLD], [1e-9, 4e-9, 15e-9, 120e-9])
    made: dict[str, Any] = {
        "bandwidth": {("cpu", 1, "copy", "ordinary"): (1 << 20, timed(1e-3)),
                      ("cpu", 1, "triad", "streaming"): (1 << 20, timed(1e-3))},
        "cached": {24 * KIB: timed(24 * KIB / 6e11)},
        "loads": {size: timed(second) for size, second in zip(sizes, seconds, strict=True)},
        "buses": {"cpu": MemoryBus(None, "nobody says")},
        "caches": TOLD,
    }  # fmt: skip
    return MemoryResult(**{**made, **changes})


def test_rates_follow_from_bytes_and_seconds() -> None:
    rows = {(row["what"], row.get("operation"), row.get("stores")): row for row in memory_rows(found())}
    assert rows["bandwidth", "copy", "ordinary"]["bytes_per_second"] == pytest.approx(2 * 2**20 / 1e-3)
    assert rows["bandwidth", "triad", "streaming"]["bytes_per_second"] == pytest.approx(3 * 2**20 / 1e-3)
    assert rows["step", "L2", None]["system_bytes"] == 2**20
    assert sum(row["what"] == "level" for row in memory_rows(found())) == 4


def test_people_read() -> None:
    """The snapshot of the command's words."""
    moved, latency, bus = memory_tables(found())
    assert [list(row.values()) for row in moved.rows] == [
        ["cpu", 1, "ordinary", "2.1"], ["cpu", 1, "streaming", "3.1", "3.1"],
    ]  # fmt: skip
    assert "The arrays are less than 4 times the 32 MiB of L3" in moved.notes[-1]
    assert [row.get("the system tells") for row in latency.rows] == ["L1, 48 KiB", "L2, 1 MiB", "L3, 32 MiB", None]
    assert latency.notes[1:] == ["Best triad on one thread over arrays of together 24 KiB: 600 GB/s."]
    assert list(bus.rows[0].values()) == ["cpu", "unknown", "nobody says", "3.1 GB/s (triad, streaming)"]
    assert memory_tables(found(buses={"cpu": MemoryBus(512, "the tables")}))[2].rows[0]["data bus"] == "512 bits"
    more = [*TOLD, Cache("L4", 64 << 20, 64 << 20)]
    assert "L4 (64 MiB) to end" in memory_tables(found(caches=more))[1].notes[1]
    assert memory_tables(found(caches=[]))[1].notes[1] == "The system tells no cache sizes."


def roofs(n: int = 3) -> Roofline:
    levels = (MemoryLevel("L1", 48.0 * KIB, 6e11), MemoryLevel(MEMORY, float("inf"), 3e10))
    made = Roofline(levels, {2: 4.5e10}, {1: 2e11, 2: 4e11}, {1: 1e11})
    work = work_of(classes(), widths=(8,), batch_size=16)
    step = step_cost(work)
    made.workloads = {f"net {k}": (step, timed(step.flops / 1e10 * (k + 1))) for k in range(n)}
    made.missing = ["another is left out: no data"]
    return made


def test_a_roof_is_the_lower_of_peak_and_bandwidth() -> None:
    made = roofs()
    step, _ = made.workloads["net 0"]
    roof = min(2e11, 6e11 * step.intensity)
    level, flops, share = made.place("net 0")
    assert level == "L1"
    assert (flops, share) == pytest.approx((1e10, 1e10 / roof))
    assert made.ceilings
    assert made.ceilings.level(replace(step, resident=1e9)).name == MEMORY
    rows = roofline_rows(made)
    assert [row["flops"] for row in rows if row["what"] == "workload"] == pytest.approx([1e10, 5e9, 1e10 / 3])
    assert "another is left out" in to_text([roofline_table(made)], "md")


@pytest.mark.parametrize("n", [0, 6])
def test_the_roofline_is_drawn(tmp_path: Path, n: int) -> None:
    draw_roofline(roofs(n), tmp_path / "r.png", "a machine")
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def small_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make what is measured small."""
    monkeypatch.setattr(memory, "caches", lambda: [Cache("L1", 48 * KIB, 48 * KIB)])
    monkeypatch.setattr(memory, "chain_sizes", lambda _: [8 * KIB, 64 * KIB, 512 * KIB])
    monkeypatch.setattr(
        roofline, "own_workloads", lambda: ({"iris": work_of(classes(), widths=(8,), batch_size=16)}, [])
    )


QUICK = ("bench", "memory", "--array", "1", "--runs", "2", "--warmup", "1", "-q")


@pytest.mark.usefixtures("small_caches")
def test_the_command_measures_and_writes(cli: Cli) -> None:
    done = cli(*QUICK, "--threads", "1,2", "--format", "csv", "-o", "m.csv", "--roofline", "r.svg")
    assert done.code == 0, done.err
    rows = list(csv.DictReader(io.StringIO(Path("m.csv").read_text())))
    assert list(rows[0])[: len(STAMP)] == list(STAMP)
    kinds = {row["what"] for row in rows}
    assert {"bandwidth", "cache", "latency", "level", "bus", "peak", "workload"} <= kinds
    assert "iris" in Path("r.svg").read_text()
    moved = [row for row in rows if row["what"] == "bandwidth"]
    assert len(moved) == 2 * 8
    for row in moved:
        counted = bandwidth.OPERANDS[row["operation"]] * 2**20
        assert float(row["bytes_per_second"]) == pytest.approx(counted / float(row["median"]))
    bits = next(row for row in rows if row["what"] == "bus")["bits"]
    assert bits == "" or int(bits) % 8 == 0


def test_people_read_where_it_was_measured(cli: Cli) -> None:
    done = cli(*QUICK, "--threads", "1", "--no-latency", "--format", "md")
    assert done.code == 0
    assert "memory v1" in done.out
    assert "Latency" not in done.out
    assert "Memory bus" in done.out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--threads", "0"), 2, "threads must be 1 at least"),
        (("--array", "0"), 2, "arrays must have 1 MiB at least"),
        (("--threads", ","), 2, "at least one device"),
        (("--device", "cuda"), 5, "device cuda is not there"),
        (("--threads", "2", "--roofline", "r.png"), 2, "--threads 1"),
        (("--threads", "1", "--roofline", "r.txt"), 2, "figures are .png"),
    ],
)
def test_bad_requests(cli: Cli, arguments: tuple[str, ...], code: int, message: str) -> None:
    done = cli("bench", "memory", *arguments, "-q")
    assert done.code == code
    assert message in done.err


def test_ctrl_c_keeps_what_was_measured(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = iter(range(60))
    before = ThreadTeam.run

    def do(self: ThreadTeam, task: Any) -> float:
        if next(runs, None) is None:
            raise KeyboardInterrupt
        return before(self, task)

    monkeypatch.setattr(ThreadTeam, "run", do)
    done = cli(
        "bench", "memory", "--array", "1", "--threads", "1", "--no-latency", "--format", "csv", "-o", "m.csv", "-q"
    )
    assert done.code == 130
    assert "what was measured is written" in done.err
    assert len(Path("m.csv").read_text().splitlines()) == 1 + 8 + 1

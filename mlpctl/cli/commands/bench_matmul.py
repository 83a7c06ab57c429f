"""mlpctl bench matmul."""

from pathlib import Path
from typing import Annotated

import typer

from mlpctl.cli import options as o

Warmup = Annotated[int, typer.Option("--warmup", "-w", min=1, help="Untimed runs at least, until the time settles.")]
Runs = Annotated[
    int | None,
    typer.Option("--runs", "-r", min=2, help="Timed runs of each.", show_default="as many as verdicts need"),
]
MaxSeconds = Annotated[float, typer.Option("--max-seconds", min=0, help="Budget; what is not clear by then is told.")]


def matmul(
    sizes: Annotated[
        str, typer.Option("--sizes", metavar="N,N", help="Square sizes; the first is what others are compared with.")
    ] = "1024,1025,1026,1028,1032",
    shapes: Annotated[
        str | None, typer.Option("--shapes", metavar="MxKxN,N", help="Rectangular products, in place of --sizes.")
    ] = None,
    batch: Annotated[str, typer.Option("--batch", metavar="N,N", help="Products in one call.")] = "1",
    transpose: Annotated[
        str, typer.Option("--transpose", metavar="NAME,NAME", help="Operands stored by columns: none, a, b, both.")
    ] = "none",
    dtype: Annotated[
        str,
        typer.Option("--dtype", metavar="NAME,NAME", help="float64, float32, tf32, bfloat16, float16, int8; or all."),
    ] = "float32",
    device: Annotated[
        str | None, typer.Option("--device", metavar="NAME,NAME", help="cpu, cuda, cuda:1, mps. Default: all but mps.")
    ] = None,
    threads: Annotated[
        str | None, typer.Option("--threads", metavar="N,N", help="CPU threads. Default: one, and all cores.")
    ] = None,
    cold: Annotated[
        bool, typer.Option("--cold", help="Operands from memory: they rotate through more than caches hold.")
    ] = False,
    difference: Annotated[
        float, typer.Option("--difference", min=0.1, max=100, metavar="PERCENT", help="Difference that matters.")
    ] = 5.0,
    compare: Annotated[
        Path | None, typer.Option("--compare", metavar="CSV", help="Exit with 6 where slower than this earlier run.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw GFLOP/s against size: .png, .svg, .pdf.")
    ] = None,
    warmup: Warmup = 3,
    runs: Runs = None,
    max_seconds: MaxSeconds = 45.0,
    quiet: o.Quiet = False,
    format_: o.FormatOption = "table",
    output: o.OutputFile = None,
) -> None:
    """Time matrix products: are aligned sizes faster per useful operation (d2l exercise 5.2.7)?

    Each is judged against the first: same, faster, slower, or undecided when the time is up.

    Example: mlpctl bench matmul --threads 1,2 --dtype float32,bfloat16 --format csv -o matmul.csv
    """
    from mlpctl.bench import matmul_baseline as baseline
    from mlpctl.bench.matmul import BENCHMARK, measure_products
    from mlpctl.bench.matmul_products import OPERAND_BYTES, parse_shapes, products_of
    from mlpctl.bench.matmul_report import TITLE, draw_products, matmul_table
    from mlpctl.bench.records import footer, machine_table, stamp
    from mlpctl.bench.sampling import TimingPlan
    from mlpctl.bench.system_noise import noise_hints, processor_times, was_disturbed
    from mlpctl.cli.screens.bench import end, print_notes, sampling_progress
    from mlpctl.display.figure_style import check_suffix, save
    from mlpctl.display.tables import emit
    from mlpctl.errors import Interrupted
    from mlpctl.system.devices import measured_devices
    from mlpctl.system.facts import usable_cores

    devices = measured_devices(device)
    kinds = list(OPERAND_BYTES) if dtype == "all" else o.items(dtype)
    counts = o.whole_numbers("--threads", threads) if threads else list(dict.fromkeys((1, usable_cores())))
    square = [(n, n, n) for n in o.whole_numbers("--sizes", sizes)]
    products = products_of(parse_shapes(shapes) if shapes else square, kinds, devices, counts, cold=cold,
                           batches=o.whole_numbers("--batch", batch), transposed=o.items(transpose))  # fmt: skip
    before = baseline.read_baseline(compare) if compare else None
    if plot:
        check_suffix(plot)
    plan, matters = TimingPlan(warmup, runs, max_seconds=None if runs else max_seconds), difference / 100
    mark, began = stamp(BENCHMARK, devices, ("torch",)), processor_times()
    with sampling_progress("matmul", plan.max_seconds, quiet) as note:
        result = measure_products(products, plan, matters=matters, note=note)
    if not result.timings:
        raise Interrupted("interrupted before anything was measured; nothing was written")
    ended = processor_times()
    disturbed = was_disturbed(result.measured, began, ended)
    changed = baseline.changes_from(result.timings, before, matters, disturbed=disturbed) if before is not None else []
    notes = noise_hints(result.measured, began, ended)
    notes += baseline.other_differences(result.timings, before, mark) if before is not None else []
    if format_ in ("table", "md"):
        emit(matmul_table(result, mark, notes, matters=matters, changes=changed), format_, output)
    else:
        rows = baseline.rows_with_changes(result.timings, changed, matters)
        emit(machine_table(mark, rows, TITLE), format_, output)
        print_notes([*notes, *result.left_out, footer(mark, result.measured.seconds)], quiet)
    if plot:
        save(draw_products(result.timings, f"{TITLE}\n{mark['machine']}", matters), plot)
    end(result.measured)
    if before is not None:
        baseline.check_not_slower(result.timings, changed)

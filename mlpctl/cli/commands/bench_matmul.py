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
    from mlpctl.bench import compare as comparing
    from mlpctl.bench.disturbances import hints, load
    from mlpctl.bench.matmul import BENCHMARK, measure
    from mlpctl.bench.matmul_cases import DTYPES, cases_of, shapes_of
    from mlpctl.bench.matmul_tables import QUESTION, table
    from mlpctl.bench.records import stamp, stamped, told
    from mlpctl.bench.timing import Plan
    from mlpctl.cli.screens.bench import end, progress, say
    from mlpctl.display.figure_style import check_suffix, save
    from mlpctl.display.tables import emit
    from mlpctl.errors import Interrupted
    from mlpctl.system.devices import measured_devices
    from mlpctl.system.facts import usable_cores

    devices = measured_devices(device)
    kinds = list(DTYPES) if dtype == "all" else o.items(dtype)
    counts = o.whole_numbers("--threads", threads) if threads else list(dict.fromkeys((1, usable_cores())))
    square = [(n, n, n) for n in o.whole_numbers("--sizes", sizes)]
    cases = cases_of(shapes_of(shapes) if shapes else square, kinds, devices, counts,
                     batches=o.whole_numbers("--batch", batch), transposed=o.items(transpose), cold=cold)  # fmt: skip
    before = comparing.earlier(compare) if compare else None
    if plot:
        check_suffix(plot)
    plan, matters = Plan(warmup, runs, max_seconds=None if runs else max_seconds), difference / 100
    mark, began = stamp(BENCHMARK, devices=devices, libraries=("torch",)), load()
    with progress("matmul", plan.max_seconds, quiet) as note:
        result = measure(cases, plan, matters=matters, note=note)
    if not result.timings:
        raise Interrupted("interrupted before anything was measured; nothing was written")
    changed = comparing.changes(result.timings, before, matters) if before is not None else []
    notes = hints(result.measured, began, load())
    notes += comparing.differences(result.timings, before, mark) if before is not None else []
    if format_ in ("table", "md"):
        emit(table(result, mark, notes, matters=matters, changes=changed), format_, output)
    else:
        rows = comparing.rows(result.timings, changed, matters)
        emit(stamped(mark, rows, QUESTION), format_, output)
        say([*notes, *result.lacks, told(mark, result.measured.seconds)], quiet)
    if plot:
        from mlpctl.bench.matmul_figure import draw

        save(draw(result.timings, f"{QUESTION}\n{mark['machine']}", matters), plot)
    end(result.measured)
    if before is not None:
        comparing.check(result.timings, changed)

"""mlpctl bench memory."""

from pathlib import Path
from typing import Annotated

import typer

from mlpctl.cli import options as o
from mlpctl.cli.commands.bench_matmul import MaxSeconds, Runs, Warmup


def memory(
    device: Annotated[
        str | None, typer.Option("--device", metavar="NAME,NAME", help="cpu, cuda, cuda:1. Default: all.")
    ] = None,
    threads: Annotated[
        str | None, typer.Option("--threads", metavar="N,N", help="CPU threads. Default: 1, 2, 4, … and the cores.")
    ] = None,
    array: Annotated[
        int | None, typer.Option("--array", metavar="MIB", help="Size of each array. Default: four times the caches.")
    ] = None,
    latency: Annotated[bool, typer.Option("--latency/--no-latency", help="Time chains of loads too.")] = True,
    roofline: Annotated[
        Path | None, typer.Option("--roofline", metavar="FILE", help="Draw the project's workloads under the roofs.")
    ] = None,
    warmup: Warmup = 2,
    runs: Runs = None,
    max_seconds: MaxSeconds = 30.0,
    quiet: o.Quiet = False,
    format_: o.FormatOption = "table",
    output: o.OutputFile = None,
) -> None:
    """Time copy, scale, add and triad per number of threads, and loads by size; tell how wide the memory's bus is.

    Example: mlpctl bench memory --threads 1,2 --roofline roofline.png --format csv -o memory.csv
    """
    from mlpctl.bench.disturbances import hints, load
    from mlpctl.bench.memory import BENCHMARK, asked_for, measure
    from mlpctl.bench.memory_tables import machine_table, people_tables, rows_of
    from mlpctl.bench.records import stamp, told
    from mlpctl.bench.timing import Plan
    from mlpctl.cli.screens.bench import end, progress, say
    from mlpctl.display.figure_style import check_suffix
    from mlpctl.display.tables import Table, emit
    from mlpctl.errors import Interrupted
    from mlpctl.system.devices import measured_devices
    from mlpctl.system.facts import usable_cores

    if roofline is not None:
        check_suffix(roofline)
    devices, cores = measured_devices(device), usable_cores()
    counts = o.whole_numbers("--threads", threads) if threads else [*(2**k for k in range(10) if 2**k < cores), cores]
    asked = asked_for(devices, counts, array, latency=latency, roofline=roofline is not None)
    mark = stamp(BENCHMARK, devices=devices, libraries=("numba", "torch", "numpy"))
    before, plan = load(), Plan(warmup=warmup, runs=runs, max_seconds=None if runs else max_seconds)
    with progress("memory", max_seconds, quiet) as note:
        measured, found = measure(asked, plan, note)
    if not found.bandwidth and not found.loads:
        raise Interrupted("interrupted before anything was measured; nothing was written")
    rows, tables, seconds = rows_of(found), people_tables(found), measured.seconds
    notes, roofs = hints(measured, before, load()), None
    if roofline is not None and not measured.interrupted:
        from mlpctl.bench.roofline import roof_rows, roof_table, roofs_of

        with progress("roofline", max_seconds, quiet) as note:
            roofs, measured = roofs_of(found, plan, note)
        seconds += measured.seconds
        if roofs.is_whole:
            rows += roof_rows(roofs)
            tables.append(roof_table(roofs))
    notes.append(told(mark, seconds))
    if format_ in ("table", "md"):
        emit([*tables, Table([], [], "", notes)], format_, output)
    else:
        emit(machine_table(mark, rows), format_, output)
        say(notes, quiet)
    if roofs is not None and roofs.is_whole and roofline is not None:
        from mlpctl.bench.roofline import draw_roofline

        draw_roofline(roofs, roofline, str(mark["machine"]))
    end(measured)

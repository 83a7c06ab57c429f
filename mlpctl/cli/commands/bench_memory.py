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
    from mlpctl.bench.memory import BENCHMARK, measure_memory, memory_options
    from mlpctl.bench.memory_report import COLUMNS, memory_rows, memory_tables
    from mlpctl.bench.records import footer, machine_table, stamp
    from mlpctl.bench.sampling import TimingPlan
    from mlpctl.bench.system_noise import noise_hints, processor_times
    from mlpctl.cli.screens.bench import end, print_notes, sampling_progress
    from mlpctl.display.figure_style import check_suffix
    from mlpctl.display.tables import Table, emit
    from mlpctl.errors import Interrupted
    from mlpctl.system.devices import measured_devices
    from mlpctl.system.facts import usable_cores

    if roofline is not None:
        check_suffix(roofline)
    devices, cores = measured_devices(device), usable_cores()
    counts = o.whole_numbers("--threads", threads) if threads else [*(2**k for k in range(10) if 2**k < cores), cores]
    options = memory_options(devices, counts, array, latency=latency, roofline=roofline is not None)
    mark = stamp(BENCHMARK, devices, ("numba", "torch", "numpy"))
    before, plan = processor_times(), TimingPlan(warmup=warmup, runs=runs, max_seconds=None if runs else max_seconds)
    with sampling_progress("memory", max_seconds, quiet) as note:
        measured, result = measure_memory(options, plan, note)
    if not result.bandwidth and not result.loads:
        raise Interrupted("interrupted before anything was measured; nothing was written")
    rows, tables, seconds = memory_rows(result), memory_tables(result), measured.seconds
    notes, roofs = noise_hints(measured, before, processor_times()), None
    if roofline is not None and not measured.interrupted:
        from mlpctl.bench.roofline import measure_roofline, roofline_rows, roofline_table

        with sampling_progress("roofline", max_seconds, quiet) as note:
            roofs, measured = measure_roofline(result, plan, note)
        seconds += measured.seconds
        if roofs.ceilings:
            rows += roofline_rows(roofs)
            tables.append(roofline_table(roofs))
    notes.append(footer(mark, seconds))
    if format_ in ("table", "md"):
        emit([*tables, Table([], [], "", notes)], format_, output)
    else:
        emit(machine_table(mark, rows, "memory", COLUMNS), format_, output)
        print_notes(notes, quiet)
    if roofs is not None and roofs.ceilings and roofline is not None:
        from mlpctl.bench.roofline import draw_roofline

        draw_roofline(roofs, roofline, str(mark["machine"]))
    end(measured)

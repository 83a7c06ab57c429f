"""mlpctl bench memory."""

from pathlib import Path
from typing import Annotated

import typer

from mlpctl.cli import options as o


def memory(
    device: Annotated[
        str | None, typer.Option("--device", metavar="NAME,NAME", help="cpu, cuda, cuda:1. Default: cpu.")
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
    warmup: Annotated[int, typer.Option("--warmup", "-w", min=0, help="Untimed runs of each at least.")] = 2,
    runs: Annotated[
        int | None, typer.Option("--runs", "-r", min=1, help="Timed runs of each. Default: until intervals are narrow.")
    ] = None,
    max_seconds: Annotated[float, typer.Option("--max-seconds", min=0, help="Budget of the timing.")] = 30.0,
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
    from mlpctl.bench.sampling import Plan
    from mlpctl.cli.benching import end, progress
    from mlpctl.devices import asked_device
    from mlpctl.machine import usable_cores
    from mlpctl.render import Table, emit
    from mlpctl.report.look import check_suffix

    if roofline is not None:
        check_suffix(roofline)
    devices = ["cpu" if name == "auto" else name for name in o.items(asked_device(device, several=True))]
    cores = usable_cores()
    counts = o.whole_numbers("--threads", threads) if threads else [*(2**k for k in range(10) if 2**k < cores), cores]
    asked = asked_for(devices, counts, array, latency=latency, roofline=roofline is not None)
    stamped = stamp(BENCHMARK, devices=devices, libraries=("numba", "torch", "numpy"))
    before, plan = load(), Plan(warmup=warmup, runs=runs, max_seconds=max_seconds)
    with progress("memory", max_seconds, quiet) as note:
        measured, found = measure(asked, plan, note)
    rows, tables, seconds = rows_of(found), people_tables(found), measured.seconds
    notes, roofs = hints(measured, before, load()), None
    if roofline is not None and not measured.interrupted:
        from mlpctl.bench.roofline import roof_rows, roof_table, roofs_of

        with progress("roofline", max_seconds, quiet) as note:
            roofs, measured = roofs_of(found, plan, note)
        rows += roof_rows(roofs)
        tables.append(roof_table(roofs))
        seconds += measured.seconds
    if format_ in ("csv", "json"):
        emit(machine_table(stamped, rows), format_, output)
    else:
        emit([*tables, Table([], [], "", [*notes, told(stamped, seconds)])], format_, output)
    end(measured)
    if roofs is not None and roofline is not None:
        from mlpctl.bench.roofline import draw_roofline

        draw_roofline(roofs, roofline, str(stamped["machine"]))

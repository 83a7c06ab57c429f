"""mlpctl bench train."""

from pathlib import Path
from typing import Annotated

import typer

from mlpctl.cli import options as o


def train(
    impl: Annotated[
        str | None, typer.Option("--impl", metavar="NAME,NAME", help="Implementations. Default: all that train here.")
    ] = None,
    widths: Annotated[
        str, typer.Option("--widths", metavar="N,N", help="Hidden units of each layer.")
    ] = "16,64,256,1024",
    depths: Annotated[str, typer.Option("--depths", metavar="N,N", help="Hidden layers.")] = "1,2,4",
    batches: Annotated[str, typer.Option("--batches", metavar="N,N", help="Examples of a minibatch.")] = "16,64,256",
    lanes: Annotated[int, typer.Option("--lanes", help="Trials that the lanes engine trains at a time.")] = 4,
    device: Annotated[
        str | None, typer.Option("--device", metavar="NAME", help="cpu, cuda, cuda:1. Default: cuda where it is.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw time per step against width.")
    ] = None,
    warmup: Annotated[int, typer.Option("--warmup", "-w", min=0, help="Untimed runs of each at least.")] = 1,
    runs: Annotated[
        int | None, typer.Option("--runs", "-r", min=1, help="Timed runs of each. Default: until intervals are narrow.")
    ] = None,
    max_seconds: Annotated[float, typer.Option("--max-seconds", min=0, help="Budget of the timing.")] = 60.0,
    quiet: o.Quiet = False,
    format_: o.FormatOption = "table",
    output: o.OutputFile = None,
) -> None:
    """Time a training step by each implementation as width, depth and batch grow (d2l exercise 5.2.6).

    Each grows alone, the others stay at the middle of their lists.
    Example: mlpctl bench train --impl concise,kernel --widths 64,256,1024 --depths 1 --batches 256 --plot speed.png
    """
    from mlpctl.bench.disturbances import hints, load
    from mlpctl.bench.records import stamp, told
    from mlpctl.bench.sampling import Plan
    from mlpctl.bench.steps import TRAINERS
    from mlpctl.bench.train import BENCHMARK, asked_for, measure
    from mlpctl.bench.train_tables import draw, machine_table, people_tables, rows_of
    from mlpctl.cli.benching import end, progress
    from mlpctl.devices import asked_device
    from mlpctl.gpu import cuda_here
    from mlpctl.render import Table, emit
    from mlpctl.report.look import check_suffix, save

    if plot is not None:
        check_suffix(plot)
    where = asked_device(device)
    where = ("cuda" if cuda_here() else "cpu") if where == "auto" else where
    lists = {name: o.whole_numbers(f"--{name}s" if name != "batch" else "--batches", text)
             for name, text in (("width", widths), ("depth", depths), ("batch", batches))}  # fmt: skip
    asked = asked_for(o.items(impl) if impl is not None else TRAINERS, lists, where, lanes)
    stamped = stamp(BENCHMARK, devices=[where], libraries=("torch", "numpy", "numba"))
    before, plan = load(), Plan(warmup=warmup, runs=runs, min_runs=12, max_seconds=max_seconds)
    with progress("train", max_seconds, quiet) as note:
        measured, timed = measure(asked, plan, note)
    if format_ in ("csv", "json"):
        emit(machine_table(stamped, rows_of(timed)), format_, output)
    else:
        last = Table([], [], "", [*hints(measured, before, load()), told(stamped, measured.seconds)])
        emit([*people_tables(timed), last], format_, output)
    if plot is not None and timed.times:
        save(draw(timed, str(stamped["machine"])), plot)
    end(measured)

"""mlpctl bench train."""

from pathlib import Path
from typing import Annotated

import typer

from mlpctl.cli import options as o
from mlpctl.cli.commands.bench_matmul import MaxSeconds, Runs, Warmup


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
    warmup: Warmup = 1,
    runs: Runs = None,
    max_seconds: MaxSeconds = 60.0,
    quiet: o.Quiet = False,
    format_: o.FormatOption = "table",
    output: o.OutputFile = None,
) -> None:
    """Time a training step by each implementation as width, depth and batch grow (d2l exercise 5.2.6).

    Each grows alone, the others stay at the middle of their lists.
    Example: mlpctl bench train --impl concise,kernel --widths 64,256,1024 --depths 1 --batches 256 --plot speed.png
    """
    from mlpctl.bench.records import footer, machine_table, stamp
    from mlpctl.bench.sampling import TimingPlan
    from mlpctl.bench.system_noise import noise_hints, processor_times
    from mlpctl.bench.train import BENCHMARK, measure_training, train_options
    from mlpctl.bench.train_report import COLUMNS, step_time_plot, train_rows, train_tables
    from mlpctl.bench.workloads import TRAINERS
    from mlpctl.cli.screens.bench import end, print_notes, sampling_progress
    from mlpctl.display.figure_style import check_suffix, save
    from mlpctl.display.tables import Table, emit
    from mlpctl.errors import Interrupted
    from mlpctl.system.devices import asked_device
    from mlpctl.system.facts import has_cuda

    if plot is not None:
        check_suffix(plot)
    where = asked_device(device)
    where = ("cuda" if has_cuda() else "cpu") if where == "auto" else where
    lists = {name: o.whole_numbers(f"--{name}s" if name != "batch" else "--batches", text)
             for name, text in (("width", widths), ("depth", depths), ("batch", batches))}  # fmt: skip
    options = train_options(o.items(impl) if impl is not None else TRAINERS, lists, where, lanes)
    mark = stamp(BENCHMARK, [where], ("torch", "numpy", "numba"))
    before, plan = (
        processor_times(),
        TimingPlan(warmup=warmup, runs=runs, min_runs=12, max_seconds=None if runs else max_seconds),
    )
    with sampling_progress("train", max_seconds, quiet) as note:
        measured, result = measure_training(options, plan, note)
    if not result.times:
        raise Interrupted("interrupted before anything was measured; nothing was written")
    notes = [*noise_hints(measured, before, processor_times()), footer(mark, measured.seconds)]
    if format_ in ("table", "md"):
        emit([*train_tables(result), Table([], [], "", notes)], format_, output)
    else:
        emit(machine_table(mark, train_rows(result), "train", COLUMNS), format_, output)
        print_notes(notes, quiet)
    if plot is not None:
        from mlpctl.report.figures.draw import draw

        save(draw(step_time_plot(result, str(mark["machine"]))), plot)
    end(measured)

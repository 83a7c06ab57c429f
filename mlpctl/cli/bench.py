"""mlpctl bench matmul; the other benchmarks have files of their own."""

from typing import Annotated

import typer

from mlpctl.cli import bench_memory, bench_train
from mlpctl.cli import options as o

app = typer.Typer(help="Hardware timings that judge themselves.", no_args_is_help=True)


app.command("memory")(bench_memory.memory)
app.command("train")(bench_train.train)


@app.callback()
def _group() -> None:
    pass


@app.command()
def matmul(
    sizes: Annotated[
        str, typer.Option("--sizes", metavar="N,N", help="Sizes; the first is what others are compared with.")
    ] = "1024,1025,1026,1028,1032",
    dtype: Annotated[
        str, typer.Option("--dtype", metavar="NAME,NAME", help="float64, float32, bfloat16, float16.")
    ] = "float32",
    device: Annotated[
        str | None, typer.Option("--device", metavar="NAME,NAME", help="cpu, cuda, cuda:1, mps. Default: cpu.")
    ] = None,
    threads: Annotated[
        str | None, typer.Option("--threads", metavar="N,N", help="CPU threads. Default: the cores.")
    ] = None,
    warmup: Annotated[
        int, typer.Option("--warmup", "-w", min=0, help="Untimed products at least, until the time settles.")
    ] = 3,
    runs: Annotated[int, typer.Option("--runs", "-r", min=2, help="Timed products of each.")] = 20,
    quiet: o.Quiet = False,
    format_: o.FormatOption = "table",
    output: o.OutputFile = None,
) -> None:
    """Time square matrix products of aligned and misaligned sizes (d2l exercise 5.2.7).

    Example: mlpctl bench matmul --threads 1,2 --format csv -o matmul.csv
    """
    import sys

    from mlpctl.bench.matmul import cases_of, compared, measure, measured_until_interrupt, table_of
    from mlpctl.devices import asked_device
    from mlpctl.errors import Interrupted
    from mlpctl.machine import cpu_model, usable_cores
    from mlpctl.render import emit

    devices = ["cpu" if name == "auto" else name for name in o.items(asked_device(device, several=True))]
    numbers = o.whole_numbers("--sizes", sizes)
    counts = o.whole_numbers("--threads", threads) if threads else [usable_cores()]
    cases = cases_of(numbers, o.items(dtype), devices, counts)

    def note(timing: object) -> None:
        if not quiet and sys.stderr.isatty():
            print(f"done: {timing}"[: 2 * 60], file=sys.stderr)

    timings, interrupted = measured_until_interrupt(measure(cases, warmup=warmup, runs=runs), note)
    place = {(c.n, c.dtype, c.device, c.threads): number for number, c in enumerate(cases)}
    if interrupted and not timings:
        raise Interrupted("interrupted before anything was measured; nothing was written")
    timings.sort(key=lambda t: place[t.n, t.dtype, t.device, t.threads])
    people = format_ in ("table", "md")
    machine = f"{cpu_model()}, {usable_cores()} cores"
    emit(table_of(compared(timings, numbers[0]), machine, people=people), format_, output)
    if interrupted:
        raise Interrupted(
            f"interrupted; what was measured is written, with {min(t.runs for t in timings)} of {runs} runs at least"
        )

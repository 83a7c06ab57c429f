"""mlpctl bench: each benchmark has a file of its own."""

import typer

from mlpctl.cli import bench_matmul, bench_memory, bench_train

app = typer.Typer(help="Measure this machine: matrix products, memory, training steps.", no_args_is_help=True)

app.command("matmul")(bench_matmul.matmul)
app.command("memory")(bench_memory.memory)
app.command("train")(bench_train.train)


@app.callback()
def _group() -> None:
    pass

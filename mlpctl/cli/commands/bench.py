"""mlpctl bench: each benchmark has a file of its own."""

import typer

from mlpctl.cli.commands import bench_matmul, bench_memory, bench_train
from mlpctl.cli.help import CommandGroup

app = typer.Typer(cls=CommandGroup, no_args_is_help=True, rich_markup_mode=None)

app.command("matmul")(bench_matmul.matmul)
app.command("memory")(bench_memory.memory)
app.command("train")(bench_train.train)


@app.callback()
def _group() -> None:
    pass

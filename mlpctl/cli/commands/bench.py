"""mlpctl bench: each benchmark has a file of its own."""

import typer

from mlpctl.cli.commands import bench_matmul, bench_memory, bench_train
from mlpctl.cli.help import Command, CommandGroup

app = typer.Typer(cls=CommandGroup, no_args_is_help=True, rich_markup_mode=None)

app.command("matmul", cls=Command)(bench_matmul.matmul)
app.command("memory", cls=Command)(bench_memory.memory)
app.command("train", cls=Command)(bench_train.train)


@app.callback()
def _group() -> None:
    pass

"""mlpctl bench: each benchmark has a file of its own."""

import typer

from mlpctl.cli import bench_matmul

app = typer.Typer(help="Hardware timings that judge themselves.", no_args_is_help=True)

app.command("matmul")(bench_matmul.matmul)


@app.callback()
def _group() -> None:
    pass

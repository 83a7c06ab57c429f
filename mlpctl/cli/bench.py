"""mlpctl bench."""

import typer

app = typer.Typer()


@app.command("bench")
def bench() -> None:
    """To be written."""

"""mlpctl report."""

import typer

app = typer.Typer()


@app.command("report")
def report() -> None:
    """To be written."""

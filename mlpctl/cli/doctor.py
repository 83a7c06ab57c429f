"""mlpctl doctor."""

import typer

app = typer.Typer()


@app.command("doctor")
def doctor() -> None:
    """To be written."""

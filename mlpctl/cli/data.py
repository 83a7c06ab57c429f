"""mlpctl data."""

import typer

app = typer.Typer()


@app.command("data")
def data() -> None:
    """To be written."""

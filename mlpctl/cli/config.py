"""mlpctl config."""

import typer

app = typer.Typer()


@app.command("config")
def config() -> None:
    """To be written."""

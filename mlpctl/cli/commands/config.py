"""mlpctl config."""

from pathlib import Path
from typing import Annotated, Any

import typer

from mlpctl.cli import options as o


@o.with_spec_options
def config(
    given: dict[str, Any],
    file: Annotated[Path | None, typer.Option("--config", "-c", help="Experiment: a TOML file, or a name.")] = None,
    settings: o.SettingsOption = None,
    format_: o.FormatOption = "table",
    output: o.OutputFile = None,
) -> None:
    """Show every setting of a training and who decided it: flag, file, dataset, model, optimizer or default.

    Example: mlpctl config --dataset iris --optimizer adam
    """
    from mlpctl.display.tables import emit
    from mlpctl.inspection.settings import origins
    from mlpctl.runner.experiment import given_fields, parse_settings
    from mlpctl.runner.experiment_file import read_experiment

    given_fields(settings or [], given)  # says where they disagree
    from_file = {str(file): dict(read_experiment(file).base)} if file else {}
    emit(origins({**from_file, "--set": parse_settings(settings or []), "flag": given}), format_, output)

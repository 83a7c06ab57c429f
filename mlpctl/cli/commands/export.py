"""mlpctl export."""

from pathlib import Path
from typing import Annotated, Any

import typer

from mlpctl.cli import options as o
from mlpctl.export.formats import ExportTo


@o.with_spec_options
def export(
    given: dict[str, Any],
    target: Annotated[
        str | None,
        typer.Argument(metavar="[RESULTS[#TRIAL]|EXPERIMENT]", help="Trial, or an experiment's first; or options."),
    ] = None,
    to: Annotated[ExportTo, typer.Option("--to", help="Program in NumPy or PyTorch, or trained weights.")] = "numpy",
    settings: o.SettingsOption = None,
    offline: o.Offline = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File; data too large for it stand beside. Default: stdout.")
    ] = None,
) -> None:
    """Write a trial as one readable program that trains it without mlpctl and prints the same learning curve.

    safetensors and onnx have the trained weights, of a trial with --save. `mlpctl results export` writes a folder's
    tables.

    Example: mlpctl export --dataset iris --lr 0.1 --to pytorch -o iris.py
    """
    from mlpctl.cli.screens.base import say, set_offline
    from mlpctl.export.export import export_subject
    from mlpctl.inspection.subject import subject_of
    from mlpctl.runner.experiment import given_fields
    from mlpctl.runner.shipped_experiments import experiment_or_results

    set_offline(offline)
    target = experiment_or_results(target) if target is not None else None
    subject = subject_of(target, given_fields(settings or [], given))
    say(subject.notes)
    if text := export_subject(subject, to, output):
        typer.echo(text, nl=False)

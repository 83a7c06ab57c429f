"""mlpctl inspect."""

from pathlib import Path
from typing import Annotated, Any

import typer

from mlpctl.cli import options as o


@o.with_spec_options
def inspect(
    given: dict[str, Any],
    target: Annotated[
        str | None,
        typer.Argument(metavar="[EXPERIMENT|RESULTS[#TRIAL]]", help="Experiment, or results folder; or options."),
    ] = None,
    settings: o.SettingsOption = None,
    weights: Annotated[bool, typer.Option("--weights", help="Weights and biases as tables.")] = False,
    gradients: Annotated[
        bool, typer.Option("--gradients", help="Statistics of activations and gradients per layer.")
    ] = False,
    gradient_plot: Annotated[
        Path | None,
        typer.Option("--gradient-plot", help="Draw how much gradient reaches each layer; of a file, all its networks."),
    ] = None,
    graph: Annotated[Path | None, typer.Option("--graph", help="Draw the network to a PNG, SVG or PDF file.")] = None,
    boundary: Annotated[
        Path | None, typer.Option("--boundary", help="Draw the decision regions of a network with two inputs.")
    ] = None,
    hidden: Annotated[
        Path | None, typer.Option("--hidden", help="Draw the examples in a hidden layer of two units.")
    ] = None,
    offline: o.Offline = False,
    format_: o.FormatOption = "table",
    output: o.OutputFile = None,
) -> None:
    """Tell what a network is and costs: layers, shapes, parameters, FLOPs, memory; draw it; look at its gradients.

    Example: mlpctl inspect --dataset iris --widths 16,16 --batch-norm all --graph iris.png
    """
    from mlpctl.cli.screens.base import say, set_offline
    from mlpctl.display.tables import emit
    from mlpctl.inspection.describe import describe_network, draw_figures, draw_gradients
    from mlpctl.inspection.subject import subject_of
    from mlpctl.runner.experiment import given_fields
    from mlpctl.runner.shipped_experiments import experiment_or_results

    set_offline(offline)
    target = experiment_or_results(target) if target is not None else None
    fields = given_fields(settings or [], given)
    subject = subject_of(target, fields)
    say(subject.notes)
    if gradient_plot is not None:
        draw_gradients(subject, fields, gradient_plot)
    draw_figures(subject, graph=graph, boundary=boundary, hidden=hidden)
    tables = describe_network(subject, gradients=gradients, weights=weights, people=format_ in ("table", "md"))
    emit(tables, format_, output)

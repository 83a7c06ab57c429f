"""mlpctl predict."""

from typing import Annotated

import typer

from mlpctl.cli import options as o
from mlpctl.metrics import SelectOn


def predict(
    results: Annotated[
        str, typer.Argument(metavar="RESULTS[#TRIAL]", help="Results folder with saved weights; # and a key: a trial.")
    ],
    input_: Annotated[
        str | None,
        typer.Option(
            "--input",
            "-i",
            metavar="FILE",
            help="Table (- is stdin), image, .npy, .npz or texts; its target is scored.",
        ),
    ] = None,
    index: Annotated[
        list[int] | None, typer.Option("--index", metavar="N", help="Example of --part, from 0; may be repeated.")
    ] = None,
    part: Annotated[SelectOn, typer.Option("--part", help="Part that --index counts in.")] = "test",
    text: Annotated[
        list[str] | None, typer.Option("--text", metavar="TEXT", help="Sentence, for langid; may be repeated.")
    ] = None,
    data: o.DataOption = None,
    offline: o.Offline = False,
    format_: o.FormatOption = "table",
    output: o.OutputFile = None,
) -> None:
    """Predict with saved weights: labels with probabilities, or numbers; for a text the words that decided too.

    Example: mlpctl predict results/iris-mlp --index 0
    """
    from mlpctl.cli.screens.base import say, set_offline
    from mlpctl.display.tables import emit
    from mlpctl.inspection.loader import load_saved
    from mlpctl.inspection.predict import predict as predict_examples

    set_offline(offline)
    people = format_ in ("table", "md")
    saved = load_saved(results, data=o.data_options(data))
    tables, notes = predict_examples(
        saved, input_=input_, index=index or (), part=part, texts=text or (), people=people
    )
    say(notes)
    emit(tables, format_, output)

"""Write a trial, or a spec, as a program or as weights: what `mlpctl export` calls."""

from pathlib import Path
from typing import Literal

from mlpctl.errors import UsageError
from mlpctl.export.formats import ExportTo
from mlpctl.export.onnx_model import onnx_model
from mlpctl.export.program import program_of, write_program
from mlpctl.inspection.subject import Subject
from mlpctl.system.files import write_output


def export_subject(subject: Subject, to: ExportTo, output: Path | None) -> str:
    """Write a trial's program or weights to a file; without a file, return the program's text.

    Args:
        subject: trial, perhaps with trained weights.
        to: what is written.
        output: file; None for the text.

    Raises:
        UsageError: for what cannot be written.
    """
    match to:
        case "safetensors" | "onnx":
            _write_weights(subject, to, output)
        case framework if output is None:
            return program_of(subject.trial, framework).text
        case framework:
            write_program(subject.trial, framework, output)
    return ""


def _write_weights(subject: Subject, to: Literal["safetensors", "onnx"], output: Path | None) -> None:
    if subject.weights is None:
        raise UsageError(
            f"{to} has trained weights, and there are none: give RESULTS#TRIAL of a trial that was trained with --save"
        )
    if output is None:
        raise UsageError(f"{to} is no text: give -o FILE.{to}")
    if to == "onnx":
        write_output(output, onnx_model(subject.trial, subject.weights))
        return
    from safetensors.numpy import save

    spec = subject.trial.spec
    about = {"format": "np", "trial": subject.trial.key, "dataset": spec.dataset, "model": str(spec.model)}
    write_output(output, save(dict(subject.weights), metadata=about))

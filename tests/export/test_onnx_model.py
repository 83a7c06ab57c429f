"""ONNX models: what onnxruntime computes of raw inputs is what the trained network says of them."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from mlpctl.engines.scoring import predicted
from mlpctl.export.onnx_model import onnx_model
from mlpctl.inspection.loader import outputs_of
from mlpctl.inspection.predict import probabilities
from mlpctl.runner.trial import Trial, trial_of
from mlpctl.spec import Spec, choices, make_spec
from tests.helpers.cli import Cli
from tests.helpers.making import trained_weights

ACTIVATIONS = choices(Spec.model_fields["activation"])


def answers(trial: Trial, weights: dict[str, Any]) -> dict[str, Any]:
    """Return what onnxruntime says of all examples of a dataset, raw."""
    session = onnxruntime.InferenceSession(onnx_model(trial, weights), providers=["CPUExecutionProvider"])
    X: Any = trial.dataset.X
    X = X if isinstance(X, np.ndarray) else X.toarray()
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"inputs": X.astype(trial.spec.dtype)}), strict=True))


@pytest.mark.parametrize(
    "fields",
    [
        {"dataset": "iris", "epochs": 3},
        {
            "dataset": "iris",
            "epochs": 3,
            "batch_norm": "all",
            "hidden_layers": 2,
            "hidden_units": 8,
            "dtype": "float64",
        },
        {"dataset": "iris", "epochs": 3, "bias": False, "scaling": "unit", "loss": "bce"},
        {"dataset": "digits", "epochs": 1},
        {"dataset": "diabetes", "epochs": 2},
        {"dataset": "linreg", "epochs": 2},
        {"dataset": "gates"},
        {"dataset": "gates", "model": "mlp", "hidden_units": 3, "loss": "bce"},
        {"dataset": "langid", "epochs": 5},
        *({"dataset": "iris", "epochs": 2, "hidden_units": 8, "activation": name} for name in ACTIVATIONS),
    ],
    ids=str,
)
def test_a_model_says_what_the_network_says(fields: dict[str, Any]) -> None:
    trial = trial_of(make_spec(fields))
    weights = trained_weights(trial)
    said = answers(trial, weights)
    outputs = outputs_of(trial.network, trial.spec, weights, trial.data, np.arange(len(trial.dataset.y)))
    relative, absolute = (1e-10, 1e-12) if trial.spec.dtype == "float64" else (2e-4, 2e-5)
    if trial.dataset.task == "regression":
        own = trial.network.in_own_units(outputs)
        np.testing.assert_allclose(said["predictions"], own, rtol=relative, atol=absolute)
        return
    p = probabilities(trial.network, outputs)
    told, wanted = (said["scores"], outputs) if p is None else (said["probabilities"], p)
    np.testing.assert_allclose(told, wanted, rtol=relative, atol=absolute)
    assert (said["class"] == predicted(trial.network, outputs)).mean() > 0.99  # a tie may fall either way by rounding


def test_missing_values_and_words_go_through_the_model(tmp_path: Path) -> None:
    rows = [f"{n % 5 if n % 4 else ''},{'red' if n % 3 else 'blue'},{n % 2}{'.5' if n % 7 else ''}" for n in range(60)]
    (tmp_path / "t.csv").write_text("x,colour,target\n" + "\n".join(rows) + "\n")
    data = {"path": str(tmp_path / "t.csv"), "missing": "mean"}
    trial = trial_of(make_spec({"dataset": "table", "data": data, "epochs": 2}))
    weights = trained_weights(trial)
    outputs = outputs_of(trial.network, trial.spec, weights, trial.data, np.arange(60))
    said = answers(trial, weights)["predictions"]
    np.testing.assert_allclose(said, trial.network.in_own_units(outputs), rtol=1e-4, atol=1e-5)


def test_the_command_writes_a_model_with_names(cli: Cli, tmp_path: Path) -> None:
    assert cli("train", "--dataset", "iris", "--epochs", "1", "--save", "--out", str(tmp_path)).code == 0
    path = tmp_path / "iris.onnx"
    assert cli("export", str(tmp_path / "iris-mlp"), "--to", "onnx", "-o", str(path)).code == 0
    about = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert about["classes"].split("\n") == ["setosa", "versicolor", "virginica"]
    assert len(about["features"].split("\n")) == 4
    assert cli("export", "--dataset", "iris", "--to", "onnx", "-o", str(path)).code == 2, "there are no weights"

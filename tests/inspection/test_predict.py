"""Predictions of saved weights, against torch's own functions, and the preparation of new inputs."""

import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from mlpctl import data
from mlpctl.data import load_dataset
from mlpctl.data.sklearn_sets import from_sklearn
from mlpctl.inspection.loader import load_saved
from tests.helpers.cli import Cli, Result

IRIS = ("train", "--dataset", "iris", "--widths", "8", "--epochs", "5", "--save", "-q")
DIGITS = ("train", "--dataset", "digits", "--model", "softmax", "--epochs", "2", "--save", "-q")
LANGID = ("train", "--dataset", "langid", "--data", "vocabulary=all", "--save", "-q")


def rows(done: Result) -> list[dict[str, Any]]:
    assert done.code == 0, done.err
    content = json.loads(done.out)
    return list(content if isinstance(content, list) else next(iter(content.values())))


def write_csv(path: str, names: tuple[str, ...], X: np.ndarray) -> None:
    lines = [",".join(names), *(",".join(repr(float(v)) for v in row) for row in X)]
    Path(path).write_text("\n".join(lines) + "\n")


def test_probabilities_are_those_of_torch_on_inputs_scaled_as_in_training(cli: Cli) -> None:
    """Scaled in the test by the mean and deviation of the training part, by hand."""
    assert cli(*IRIS).code == 0
    got = rows(cli("predict", "results/iris-mlp", "--index", "0", "--index", "7", "-f", "json"))
    saved = load_saved("results/iris-mlp")
    parts = saved.trial.work().data.parts
    X = np.asarray(saved.trial.dataset.X)
    train = X[parts["train"]]
    inputs = torch.from_numpy((X[parts["test"][[0, 7]]] - train.mean(axis=0)) / train.std(axis=0)).float()
    assert saved.weights is not None
    w = {name: torch.from_numpy(array) for name, array in saved.weights.items()}
    z = torch.relu(inputs @ w["0.weight"] + w["0.bias"]) @ w["1.weight"] + w["1.bias"]
    p = torch.softmax(z, dim=1)
    for k, row in enumerate(got):
        classes = saved.trial.dataset.classes
        assert [row[f"p({name})"] for name in classes] == pytest.approx(p[k].tolist(), rel=1e-4, abs=1e-6)
        assert row["predicted"] == classes[int(p[k].argmax())]
        assert row["probability"] == pytest.approx(float(p[k].max()), rel=1e-5)
        assert row["true"] == classes[int(saved.trial.dataset.y[parts["test"][[0, 7][k]]])]


def test_the_predictions_of_a_part_have_the_accuracy_of_the_trial(cli: Cli) -> None:
    assert cli(*IRIS).code == 0
    saved = load_saved("results/iris-mlp")
    for part, column in (("test", "test_accuracy"), ("validation", "val_accuracy")):
        n = len(saved.trial.work().data.parts["val" if part == "validation" else "test"])
        index = [word for number in range(n) for word in ("--index", str(number))]
        got = rows(cli("predict", "results/iris-mlp", *index, "--part", part, "-f", "json"))
        assert sum(row["true"] == row["predicted"] for row in got) / n == pytest.approx(saved.row[column])


@pytest.mark.parametrize("command", [IRIS, ("train", "--dataset", "diabetes", "--epochs", "2", "--save", "-q")])
def test_a_csv_is_prepared_as_the_training_was(cli: Cli, command: tuple[str, ...]) -> None:
    """The rows of the test part, given as a file, are predicted as they are by their index; columns in any order."""
    assert cli(*command).code == 0
    folder = "results/iris-mlp" if "iris" in command else "results/diabetes-linear"
    saved = load_saved(folder)
    X = np.asarray(saved.trial.dataset.X)[saved.trial.work().data.parts["test"][:3]]
    write_csv("new.csv", saved.trial.dataset.features[::-1], X[:, ::-1])
    by_file = rows(cli("predict", folder, "--input", "new.csv", "-f", "json"))
    by_index = rows(cli("predict", folder, "--index", "0", "--index", "1", "--index", "2", "-f", "json"))
    for one, other in zip(by_file, by_index, strict=True):
        for name in set(one) - {"example"}:
            assert one[name] == other[name], name


def test_images_and_arrays_are_prepared_as_the_training_was(cli: Cli) -> None:
    from PIL import Image

    assert cli(*DIGITS).code == 0
    saved = load_saved("results/digits-softmax")
    pixels = np.asarray(saved.trial.dataset.X)[saved.trial.work().data.parts["test"][0]].reshape(8, 8)
    Image.fromarray(np.round(pixels * (255 / 16)).astype(np.uint8)).save("digit.png")
    np.save("digit.npy", pixels)
    index = rows(cli("predict", "results/digits-softmax", "--index", "0", "-f", "json"))[0]
    for file in ("digit.png", "digit.npy"):
        got = rows(cli("predict", "results/digits-softmax", "--input", file, "-f", "json"))[0]
        assert all(got[name] == index[name] for name in set(got) - {"example"})
    table = cli("predict", "results/digits-softmax", "--input", "digit.png").out
    assert "◀ predicted" in next(line for line in table.splitlines() if line.startswith(str(index["predicted"])))


def test_a_text_is_predicted_as_the_sentence_of_the_dataset(cli: Cli) -> None:
    assert cli(*LANGID).code == 0
    by_index = rows(cli("predict", "results/langid-bow", "--index", "0", "-f", "json"))[0]
    by_text = rows(cli("predict", "results/langid-bow", "--text", "Yo creo que si", "-f", "json"))[0]
    for name in ("predicted", "probability", "p(SPANISH)", "p(ENGLISH)"):
        assert by_text[name] == by_index[name]


def test_the_words_add_up_to_the_decision(cli: Cli) -> None:
    assert cli(*LANGID).code == 0
    text = "creo que creo zebra it"
    done = cli("predict", "results/langid-bow", "--text", text, "-f", "json")
    content = json.loads(done.out)
    prediction, words = content.values()
    *shares, bias, total = words
    assert {row["word"]: row["count"] for row in shares} == {"creo": 2, "que": 1, "it": 1}
    for language in ("SPANISH", "ENGLISH"):
        assert sum(row[language] for row in [*shares, bias]) == pytest.approx(total[language])
    log_p = total["SPANISH"] - np.logaddexp(total["SPANISH"], total["ENGLISH"])
    assert prediction[0]["p(SPANISH)"] == pytest.approx(math.exp(log_p), rel=1e-5)
    leads = [row["SPANISH"] - row["ENGLISH"] for row in shares]
    assert leads == sorted(leads, reverse=prediction[0]["predicted"] == "SPANISH")
    saved = load_saved("results/langid-bow")
    assert saved.weights is not None
    weight = saved.weights["0.weight"][saved.trial.dataset.features.index("creo")]
    assert [shares[0]["SPANISH"], shares[0]["ENGLISH"]] == pytest.approx((2 * weight).tolist())
    assert "Unknown words, which count for nothing: zebra." in cli("predict", "results/langid-bow", "--text", text).out


def test_words_that_the_training_part_has_not_are_unknown(cli: Cli) -> None:
    assert cli("train", "--dataset", "langid", "--save", "-q").code == 0
    out = cli("predict", "results/langid-bow", "--text", "Yo creo que si").out
    assert "Unknown words, which count for nothing: Yo, si." in out


def test_a_regression_has_its_error(cli: Cli) -> None:
    assert cli("train", "--dataset", "diabetes", "--epochs", "2", "--save", "-q").code == 0
    for row in rows(cli("predict", "results/diabetes-linear", "--index", "0", "--index", "5", "-f", "json")):
        error = row["predicted progression"] - row["true progression"]
        assert row["error progression"] == pytest.approx(error)
    saved = load_saved("results/diabetes-linear")
    [row] = rows(cli("predict", "results/diabetes-linear", "--index", "5", "-f", "json"))
    place = saved.trial.work().data.parts["test"][5]
    assert row["true progression"] == pytest.approx(saved.trial.dataset.y[place, 0], rel=1e-6)  # patients, not scaled
    assert load_dataset(load_saved("results/diabetes-linear").trial.spec).task == "regression"


def test_fixed_gates_have_their_truth_tables(cli: Cli) -> None:
    """XOR among them: two perceptrons and a third."""
    tables = {"and": "0001", "or": "0111", "nand": "1110", "nor": "1000", "xor": "0110", "xnor": "1001"}
    index = [word for number in range(4) for word in ("--index", str(number))]
    for gate, table in tables.items():
        gate_options = ("--dataset", "gates", "--model", "gate", "--data", f"gate={gate}", "--name", gate)
        assert cli("train", *gate_options, "--save", "-q").code == 0
        got = rows(cli("predict", f"results/{gate}", *index, "-f", "json"))
        assert "".join(str(row["predicted"]) for row in got) == table
    assert "gives scores, no probabilities" in cli("predict", "results/xor", "--index", "0").out


def test_two_classes_by_one_output(cli: Cli) -> None:
    assert cli("train", "--dataset", "breast-cancer", "--loss", "bce", "--epochs", "1", "--save", "-q").code == 0
    row = rows(cli("predict", "results/breast-cancer-mlp", "--index", "0", "-f", "json"))[0]
    assert row["p(malignant)"] + row["p(benign)"] == pytest.approx(1)
    assert row["probability"] == max(row["p(malignant)"], row["p(benign)"])
    assert row["probability"] == row[f"p({row['predicted']})"]


def test_categories_of_a_table_and_the_standard_input(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    lines = ["size,colour,kind"]
    for _ in range(60):
        colour = ("red", "green", "blue")[rng.integers(3)]
        lines.append(f"{rng.normal():.3f},{colour},{'a' if colour == 'red' else 'b'}")
    Path("t.csv").write_text("\n".join(lines) + "\n")
    assert cli("train", "--dataset", "table", "--data", "path=t.csv", "--data", "target=kind", "--save", "-q").code == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("colour,size\nred,0.1\nblue,0.1\n"))
    got = rows(cli("predict", "results/table-mlp", "-i", "-", "-f", "json"))
    assert [row["predicted"] for row in got] == ["a", "b"]
    Path("bad.csv").write_text("colour,size\npurple,0.1\n")
    done = cli("predict", "results/table-mlp", "-i", "bad.csv")
    assert (done.code, "words that training did not have: purple" in done.err) == (0, True)
    done = cli("predict", "results/table-mlp", "-i", "t.csv", "-f", "csv")
    assert "scores of 15 examples (test)" in done.err
    assert len(done.out.splitlines()) == 61


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ((), 2, "give one of --input FILE, --index N, --text"),
        (("--index", "0", "--text", "a"), 2, "give one of"),
        (("--index", "999"), 2, "the test part of iris has the examples 0 to "),
        (("--index", "-1"), 2, "got --index -1"),
        (("--text", "hola"), 2, "--text is for langid, and this network was trained on iris"),
        (("--input", "none.csv"), 4, "cannot read none.csv"),
        (("--input", "short.csv"), 4, "short.csv needs a line that names the features and a line per example"),
        (("--input", "names.csv"), 4, "has no column 'sepal length (cm)': did you mean 'sepl length (cm)'?"),
        (("--input", "words.csv"), 4, "words.csv, line 3: 'petal width (cm)' must be a number, got 'wide'"),
        (("--input", "ragged.csv"), 4, "ragged.csv, line 2: 4 columns are named, the line has 3"),
        (("--input", "image.png"), 2, "iris does not have pixels"),
        (("--input", "bad.npy"), 4, "bad.npy cannot be read as npy"),
        (("--input", "shape.npy"), 4, "examples of iris have 4 numbers, got float64 of shape (3,)"),
    ],
)
def test_what_cannot_be_predicted(cli: Cli, options: tuple[str, ...], code: int, message: str) -> None:
    assert cli(*IRIS).code == 0
    header = "sepal length (cm),sepal width (cm),petal length (cm),petal width (cm)\n"
    Path("short.csv").write_text(header)
    Path("names.csv").write_text(header.replace("sepal l", "sepl l") + "1,2,3,4\n")
    Path("words.csv").write_text(header + "1,2,3,4\n1,2,3,wide\n")
    Path("ragged.csv").write_text(header + "1,2,3\n")
    Path("bad.npy").write_text("no array")
    np.save("shape.npy", np.zeros(3))
    done = cli("predict", "results/iris-mlp", *options)
    assert (done.code, message in done.err) == (code, True), done.err
    assert len(done.err.splitlines()) == 1


def test_pixels_must_fit(cli: Cli) -> None:
    from PIL import Image

    assert cli(*DIGITS).code == 0
    Image.fromarray(np.zeros((9, 8), np.uint8)).save("size.png")
    Path("bad.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    np.save("range.npy", np.full((8, 8), 300))
    for file, code, message in (
        ("size.png", 4, "must be 8×8 pixels, as digits has them, got 8×9"),
        ("bad.png", 4, "bad.png cannot be read as an image"),
        ("range.npy", 4, "pixels of digits are whole numbers from 0 to 16"),
        ("x.csv", 2, "the inputs of digits are pixels: give a PNG image or an .npy array"),
    ):
        done = cli("predict", "results/digits-softmax", "-i", file)
        assert (done.code, message in done.err) == (code, True), done.err
    assert from_sklearn("digits")["X"].max() == 16


def test_data_that_changed_are_refused(cli: Cli) -> None:
    lines = ["x,y", *(f"{k % 7},{'a' if k % 7 > 3 else 'b'}" for k in range(40))]
    Path("t.csv").write_text("\n".join(lines) + "\n")
    assert cli("train", "--dataset", "table", "--data", "path=t.csv", "--data", "target=y", "--save", "-q").code == 0
    Path("t.csv").write_text("\n".join(lines[:-1]) + "\n")
    data._load.cache_clear()  # a new process
    done = cli("predict", "results/table-mlp", "--index", "0")
    assert (done.code, "is not what results/table-mlp#" in done.err) == (4, True), done.err


@pytest.mark.parametrize("change", ["renamed", "cut", "another number"])
def test_weights_that_are_not_those_of_the_trial_are_refused(cli: Cli, change: str) -> None:
    assert cli("train", "--dataset", "iris", "--epochs", "1", "--save", "-q", "--name", "w").code == 0
    [path] = Path("results/w/weights").iterdir()
    weights = {name: array.copy() for name, array in load_file(path).items()}
    if change == "renamed":
        weights = {f"x{name}": array for name, array in weights.items()}
    elif change == "cut":
        weights = {name: array[..., :1].copy() for name, array in weights.items()}
    else:
        weights["0.bias"][0] += 1
    save_file(weights, path)
    for command in (("predict", "results/w", "--index", "0"), ("inspect", "results/w")):
        done = cli(*command)
        assert done.code == 4
        assert done.err.startswith(f"error: {path} ")

"""Networks of the user's own: what they get, how they are reproduced, how they fail, and who may name them."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import mlpctl
from mlpctl.runner.trial import trial_of
from mlpctl.spec import make_spec
from tests.helpers.cli import Cli, trial_rows

LENET = Path(__file__).parents[2] / "examples" / "lenet.py"

LINEAR = """
from torch import nn


def linear(inputs, outputs, width: int, slope=0.5, plain: bool = True):
    if width == 7:
        raise KeyError("seven")
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs[0], width), nn.LeakyReLU(slope), nn.Linear(width, outputs))


def wrong(inputs, outputs):
    return nn.Linear(inputs[0], outputs + 1)
"""

DIGITS = ["--dataset", "digits", "--optimizer", "adam", "--lr", "0.004"]


def curve(name: str) -> dict[tuple[str, str], list[str]]:
    """Return the scores of each epoch of a results folder by key and epoch."""
    with Path("results", name, "epochs.csv").open(encoding="utf-8", newline="") as stream:
        return {(row["key"], row["epoch"]): [v for k, v in row.items() if "_" in k] for row in csv.DictReader(stream)}


def test_lenet_is_swept_and_the_same_alone_beside_others_and_continued(cli: Cli) -> None:
    model = ["--model", f"{LENET}:LeNet", "--axis", "model.channels=2,6", "--set", "model.dropout=0.3"]
    words = ["sweep", *DIGITS, *model]
    assert cli(*words, "--epochs", "2", "--jobs", "3", "--name", "three").code == 0
    assert cli(*words, "--epochs", "2", "--jobs", "1", "--name", "one").code == 0
    assert curve("three") == curve("one")
    rows = {json.loads(row["params"])["channels"]: row for row in trial_rows("one").values()}
    assert float(rows[6]["val_accuracy"]) > 0.6
    c = 6
    weights = (25 * c + c) + 2 * c + (2 * c * c * 25 + 2 * c) + 4 * c + (2 * c * 4 * 84 + 84) + (84 * 10 + 10)
    assert int(rows[c]["parameters"]) == weights
    before = Path("results/one/trials.csv").read_bytes()
    assert cli(*words, "--epochs", "2", "--name", "one").code == 0
    assert Path("results/one/trials.csv").read_bytes() == before
    assert cli(*words, "--search", "halving", "--eta", "2", "--epochs", "2", "--name", "rungs").code == 0
    rungs, whole = curve("rungs"), curve("one")  # of two, one goes on from its first epoch
    continued = [key for key in rungs if key in whole]
    assert continued
    assert all(whole[key] == rungs[key] for key in continued)


def test_the_steps_are_those_of_torch() -> None:
    """A linear network in torch alone, in our order of minibatches, has the same weights."""
    from mlpctl.data.minibatches import order_of
    from mlpctl.models.own_learner import seeded

    def softmax(inputs: tuple[int, ...], outputs: int) -> torch.nn.Module:
        return torch.nn.Linear(inputs[0], outputs)

    run = mlpctl.train(dataset="iris", model=softmax, epochs=3, lr=0.1, batch_size=16, out=None, dtype="float64")  # type: ignore[arg-type]
    spec = {k: v for k, v in run.trial.items() if k in ("model", "epochs", "lr", "batch_size", "dtype")}
    trial = trial_of(make_spec({"dataset": "iris", **spec}))
    train, val = trial.data.parts["train"], trial.data.parts["test"]
    X, y = torch.from_numpy(np.asarray(trial.data.X)), torch.from_numpy(trial.data.y).long()
    with seeded(0, 0, "cpu"):
        net = torch.nn.Linear(4, 3).double()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for epoch in (1, 2, 3):
        for rows in np.split(train[order_of(trial.spec, epoch, len(train))], range(16, len(train), 16)):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(X[rows]), y[rows]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    loss = torch.nn.functional.cross_entropy(net(X[val]), y[val])
    assert float(run.trial["test_loss"]) == pytest.approx(loss.item(), rel=1e-9)


def test_options_have_types_and_what_fails_is_told(cli: Cli) -> None:
    Path("own.py").write_text(LINEAR, "utf-8")
    words = ["sweep", "--dataset", "iris", "--epochs", "1", "--name", "r", "--model", "own.py:linear"]
    assert cli(*words, "--axis", "model.width=3,7", "--set", "model.plain=false").code == 3
    rows = {json.loads(row["params"])["width"]: row for row in trial_rows("r").values()}
    assert json.loads(rows[3]["params"]) == {"width": 3, "slope": 0.5, "plain": False}
    assert rows[7]["status"] == "crashed"
    assert rows[7]["error"] == "KeyError: 'seven' (line 7: raise KeyError(\"seven\"))"
    assert cli("sweep", "--dataset", "iris", "--model", "own.py:wrong", "--seeds", "2", "--epochs", "1").code == 3
    for options, said in (
        ([], "model.width has no default"),
        (["--axis", "model.width=3", "--set", "model.depth=2"], "has no option 'depth'"),
        (["--axis", "model.width=wide"], "model.width must be of type int, got 'wide'"),
        (["--axis", "model.width=3", "--hidden-units", "4"], "has no hidden layer"),
        (["--axis", "model.width=3", "--init", "zeros"], "init does not apply"),
        (["--axis", "model.width=3", "--metric", "f1"], "not known of a model of your own"),
        (["--axis", "model.width=3", "--engine", "kernel"], "engine kernel"),
    ):
        done = cli(*words, "--seeds", "2", *options)
        assert (done.code, said in done.err) == (2, True), done.err
    for model, said in (("own.py:none", "no class or function"), ("gone.py:x", "cannot read gone.py")):
        done = cli(*words[:-1], model, "--seeds", "2")
        assert (done.code, said in done.err) == (2, True), done.err


def test_a_results_folder_imports_nothing_and_a_changed_file_is_another_model(cli: Cli) -> None:
    Path("own.py").write_text(LINEAR, "utf-8")
    words = ["sweep", "--dataset", "iris", "--model", "own.py:linear", "--axis", "model.width=3", "--epochs", "1"]
    assert cli(*words, "--name", "r").code == 0
    Path("own.py").write_text(LINEAR + "\nopen('made', 'w').close()\n", "utf-8")
    for again in (
        ["sweep", "results/r/experiment.toml"],
        ["verify", "results/r"],
        ["predict", "results/r"],
        ["inspect", "results/r"],
    ):
        assert cli(*again).code == 2
    assert cli("report", "results/r", "--html", "page.html").code == 0
    assert not Path("made").exists()
    assert cli(*words, "--name", "r").code == 0
    assert Path("made").exists()
    assert len(trial_rows("r")) == 2

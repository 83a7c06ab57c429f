"""The command `mlpctl inspect`."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mlpctl.inspection.draw_gradients import profiles_of
from mlpctl.inspection.loader import start_of
from mlpctl.inspection.subject import subject_of
from tests.helpers.cli import Cli

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


def test_gradients_over_the_depths_of_an_experiment() -> None:
    path = str(EXPERIMENTS / "vanishing.toml")
    profiles = profiles_of(subject_of(path, {}), {})
    assert {len(p.rms) for p in profiles} == {2, 3, 5, 9}
    deep = {p.name: p.rms for p in profiles if len(p.rms) == 9}
    assert set(deep) == {"activation sigmoid", "activation tanh", "activation relu"}
    assert deep["activation sigmoid"][0] < 1e-4 * deep["activation sigmoid"][-1]
    assert deep["activation tanh"][0] > 0.1 * deep["activation tanh"][-1]


def test_the_command(cli: Cli) -> None:
    done = cli("inspect", "--dataset", "iris", "--widths", "8,4", "--batch-norm", "1", "-f", "json", "--gradients")
    assert done.code == 0, done.err
    layers, totals, gradients = json.loads(done.out).values()
    assert [row["parameters"] for row in layers] == [None, 4 * 8 + 8 + 16, 8 * 4 + 4, 4 * 3 + 3, 107]
    assert {row["quantity"]: row["value"] for row in totals}["running statistics"] == 16
    assert [row["when"] for row in gradients] == ["before training"] * 3
    people = cli("inspect", "--dataset", "iris", "--widths", "8,4").out
    assert "1 dense, relu" in people


def test_a_trained_network_from_its_folder(cli: Cli) -> None:
    assert cli("train", "--dataset", "gates", "--data", "gate=xor", "--widths", "2", "--save", "-q").code == 0
    files = [Path(name) for name in ("g.png", "b.svg", "h.pdf", "p.png")]
    options = [str(word) for pair in zip(("--graph", "--boundary", "--hidden", "--gradient-plot"), files, strict=True)
               for word in pair]  # fmt: skip
    done = cli("inspect", "results/gates-mlp", "--gradients", *options)
    assert done.code == 0, done.err
    assert "Before training: activations on 4 training examples" in done.out
    assert "After 20 epochs: gradient of their mean loss by the weights" in done.out
    for file, start in zip(files, (b"\x89PNG", b"<?xml", b"%PDF", b"\x89PNG"), strict=True):
        assert file.read_bytes().startswith(start)


def test_a_graph_writes_the_weights_of_a_small_network(cli: Cli) -> None:
    assert cli("inspect", "--dataset", "gates", "--model", "gate", "--data", "gate=xor", "--graph", "g.svg").code == 0
    drawn = Path("g.svg").read_text()
    for text in (
        "1   dense, step",
        "in (B, 2)   out (B, 2)",
        "6 parameters",
        ">-0.5<",
        ">+0.7<",
        ">x1<",
        ">1 above 0<",
    ):
        assert text in drawn
    assert cli("inspect", "--dataset", "digits", "--graph", "d.svg").code == 0
    assert "in (B, 64)   out (B, 256)" in Path("d.svg").read_text()


def test_an_experiment_is_its_first_configuration(cli: Cli) -> None:
    done = cli("inspect", EXPERIMENTS / "iris.toml")
    assert "hidden_units 8" in done.err
    assert "digits" not in done.out
    done = cli("inspect", EXPERIMENTS / "iris.toml", "--hidden-units", "5", "-f", "json")
    assert json.loads(done.out)["iris, mlp: 43 parameters"]


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("nowhere",), 2, "inspect takes an experiment (file or name), a results folder or options, got 'nowhere'"),
        (("no.toml",), 2, "no experiment file no.toml"),
        (("results/iris-mlp", "--lr", "1"), 2, "results/iris-mlp says what the network is: leave lr out"),
        (("results/iris-mlp#zz",), 2, "has no trial zz"),
        (("--dataset", "iris", "--boundary", "b.png"), 2, "iris has 4 inputs"),
        (("--dataset", "iris", "--hidden", "b.png"), 2, "a hidden layer of 2 units, got hidden units 256"),
        (("--dataset", "iris", "--graph", "g.bmp"), 2, "figures are .png, .svg, .pdf files, got 'g.bmp'"),
    ],
)
def test_what_cannot_be_inspected(cli: Cli, options: tuple[str, ...], code: int, message: str) -> None:
    assert cli("train", "--dataset", "iris", "--epochs", "1", "-q").code == 0
    done = cli("inspect", *options)
    assert (done.code, message in done.err) == (code, True), done.err


def test_untrained_results_are_described_from_their_start(cli: Cli) -> None:
    """Without saved weights there is nothing after training to look at, and all the rest."""
    assert cli("train", "--dataset", "iris", "--epochs", "1", "-q").code == 0
    subject = subject_of("results/iris-mlp", {})
    assert subject.weights is None
    assert subject.latest()[1] == "before training"
    assert replace(subject, weights=start_of(subject.trial)).latest()[1] == "after 1 epoch"

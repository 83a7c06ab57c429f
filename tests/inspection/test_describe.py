"""What `mlpctl inspect` tells: costs against what the models really hold, gradients against autograd, drawings."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch

from mlpctl.display.figure_style import COLOURS
from mlpctl.engines.initial_weights import initial_weights
from mlpctl.engines.kernel.calls import new_training
from mlpctl.engines.kernel.engine import ENGINE
from mlpctl.engines.kernel.layout import unpack
from mlpctl.inspection.affine import affine_difference, compose
from mlpctl.inspection.describe import describe
from mlpctl.inspection.draw_gradients import profiles_of
from mlpctl.inspection.draw_plane import draw_boundary, draw_hidden
from mlpctl.inspection.gradients import SAMPLE, findings, sample_of, statistics
from mlpctl.inspection.loader import gathered, start_of
from mlpctl.inspection.subject import Subject, subject_of
from mlpctl.models.concise import concise
from mlpctl.models.cost import costs_of, in_bytes, totals_table
from mlpctl.models.manual import Manual
from mlpctl.runner.experiment_file import read_experiment
from mlpctl.runner.trial import Trial, trial_of
from mlpctl.spec import Optimizer, make_spec
from tests.helpers.cli import Cli
from tests.helpers.making import classes, work_of

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


def trial(**fields: Any) -> Trial:
    return trial_of(make_spec({"epochs": 1, **fields}))


def trained_weights(one: Trial) -> dict[str, Any]:
    session = ENGINE.open("cpu", 1, 1)
    list(session.advance([one.work()]))
    weights = session.weights(one.key)
    session.close()
    return weights


@pytest.mark.parametrize(
    "fields", [{}, {"batch_norm": "all"}, {"dropout": 0.3, "batch_norm": "1"}, {"dtype": "float64"}]
)
def test_activations_are_what_the_forward_pass_keeps(fields: dict[str, Any]) -> None:
    work = work_of(classes(), widths="7,6", activation="tanh", **fields)
    model = Manual(work.network, work.spec, initial_weights(work.network, work.spec), "cpu")
    X, _ = gathered(work.data, work.data.parts["train"][:16])
    masks = [
        torch.ones(16, layer.outputs, dtype=torch.bool) if layer.dropout else None for layer in work.network.layers
    ]
    z, seen = model.forward(X, masks)
    factors = [factor for s in seen if len(s.factors) > 1 for factor in s.factors]
    kept = [
        z,
        *(s.slope for s in seen),
        *(s.X for s in seen[1:]),
        *(s.normalized[0] for s in seen if s.normalized is not None),
        *masks,
        *factors,
    ]
    assert sum(t.nbytes for t in kept if t is not None) == 16 * sum(
        cost.activations * X.element_size() + cost.masks for cost in costs_of(work.network)
    )
    assert sum(cost.forward + cost.backward for cost in costs_of(work.network)) == work.network.flops_per_example
    assert sum(cost.parameters for cost in costs_of(work.network)) == work.network.n_parameters


@pytest.mark.parametrize("optimizer", get_args(Optimizer))
def test_the_optimizer_state_is_what_the_kernel_allocates(optimizer: str) -> None:
    work = work_of(classes(), widths="7,6", batch_norm="2", optimizer=optimizer)
    training = new_training(work, initial_weights(work.network, work.spec))
    told = {str(row["quantity"]): row["value"] for row in totals_table(work.network, work.spec, 60, people=False).rows}
    weights = unpack(training.layout, training.theta, training.stats)  # without the kernel's padding
    gradients = sum(array.nbytes for name, array in weights.items() if "running" not in name)
    kept = sum(array.size > 1 for array in (training.first, training.second))
    assert told[f"memory: optimizer state ({optimizer})"] == kept * gradients
    assert told["memory: weights"] == sum(array.nbytes for array in weights.values())
    assert told["memory: gradients"] == gradients
    assert told["forward"] == 60 * 2 * (5 * 7 + 7 * 6 + 6 * 3)


def test_bytes_are_read_by_people() -> None:
    assert [in_bytes(n) for n in (0, 1023, 1536, 5 << 20, 3 << 30)] == ["0 B", "1023 B", "1.5 KiB", "5 MiB", "3 GiB"]


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
def test_gradients_are_those_of_autograd(activation: str) -> None:
    work = work_of(classes(), widths="7,6", activation=activation, batch_norm="2", dtype="float64")
    weights = initial_weights(work.network, work.spec)
    rows = sample_of(work.spec, work.data)
    assert sorted(rows) == sorted(work.data.parts["train"])
    lines = statistics(work.network, work.spec, weights, work.data, rows)
    net: Any = concise(work.network, work.spec, weights, "cpu").net
    net.train()
    X, y = gathered(work.data, rows)
    torch.nn.functional.cross_entropy(net(X), y.long()).backward()  # type: ignore[no-untyped-call]
    outputs = X
    for number, line in enumerate(lines):
        linear = net[number].affine
        gradient, weight = linear.weight.grad, linear.weight.detach()
        outputs = net[number](outputs).detach()
        assert line["grad norm"] == pytest.approx(float(gradient.norm()), rel=1e-9)
        assert line["grad sd"] == pytest.approx(float(gradient.std(correction=0)), rel=1e-9)
        assert line["norm/weights"] == pytest.approx(float(gradient.norm() / weight.norm()), rel=1e-9)
        assert line["mean"] == pytest.approx(float(outputs.mean()), rel=1e-9, abs=1e-12)
        assert line["sd"] == pytest.approx(float(outputs.std(correction=0)), rel=1e-9)


def test_dead_and_saturated_units_are_counted() -> None:
    work = work_of(classes(), widths="8", activation="relu", init="normal", init_scale=0.1)
    weights = initial_weights(work.network, work.spec)
    rows = sample_of(work.spec, work.data)
    assert statistics(work.network, work.spec, weights, work.data, rows)[0]["dead"] == 0
    weights["0.bias"][:2] = -100
    lines = statistics(work.network, work.spec, weights, work.data, rows)
    assert lines[0]["dead"] == 0.25
    assert lines[0]["saturated"] is None
    assert "Layer 1: 2 of 8 units are dead on these examples." in findings(work.network, lines)
    sigmoid = work_of(classes(), widths="8", activation="sigmoid", init="normal", init_scale=0.1)
    weights["0.bias"][:2] = -10
    weights["0.weight"][:] = 0
    assert statistics(sigmoid.network, sigmoid.spec, weights, sigmoid.data, rows)[0]["saturated"] == 0.25


def test_a_vanishing_gradient_is_named_and_a_sound_one_is_not() -> None:
    """Eight layers: sigmoid's slopes of 1/4 at most multiply; tanh with Glorot's initialization keeps the scale."""
    told = {}
    for activation in ("sigmoid", "tanh"):
        one = trial(dataset="digits", activation=activation, hidden_layers=8, hidden_units=32, init="xavier_uniform")
        lines = statistics(one.network, one.spec, start_of(one), one.work().data, sample_of(one.spec, one.work().data))
        told[activation] = " ".join(findings(one.network, lines))
    assert "vanishes" in told["sigmoid"]
    assert "vanishes" not in told["tanh"]


def test_the_sample_of_a_large_set_is_small() -> None:
    work = work_of(classes(n=9000))
    rows = sample_of(work.spec, work.data)
    assert len(set(rows.tolist())) == SAMPLE
    assert set(rows.tolist()) <= set(work.data.parts["train"].tolist())


@pytest.mark.parametrize("fields", [{}, {"batch_norm": "1,3"}])
def test_trained_affine_maps_compose_to_one(fields: dict[str, Any]) -> None:
    one = trial(dataset="iris", activation="identity", widths="9,5,4", epochs=5, dtype="float64", **fields)
    weights = trained_weights(one)
    W, b = compose(one.network, weights)
    assert W.shape == (4, 3)
    model = Manual(one.network, one.spec, weights, "cpu")
    X, _ = gathered(one.work().data, np.arange(150))
    np.testing.assert_allclose(model.outputs(X).numpy(), X.numpy() @ W + b, rtol=1e-10, atol=1e-12)
    difference, largest = affine_difference(one, weights, np.arange(150))
    assert difference < 1e-12 * max(largest, 1)
    wrong = {**weights, "1.bias": weights["1.bias"] + 1}
    assert abs(compose(one.network, wrong)[1] - b).max() > 1e-3
    titles = [table.title for table in describe(Subject(one, "x", weights, "after"), gradients=False, people=True)]
    assert "Composed into one affine map, after" in titles


def test_a_network_with_a_nonlinearity_is_not_composed() -> None:
    titles = [table.title for table in describe(subject_of(None, {"dataset": "iris"}), gradients=False, people=True)]
    assert not any("affine" in title for title in titles)


@pytest.mark.parametrize("gate", ["and", "or", "nand", "nor", "xor", "xnor"])
def test_the_regions_of_a_gate_are_its_truth_table(gate: str) -> None:
    one = trial(dataset="gates", model="gate", data={"gate": gate}, epochs=0)
    axes = draw_boundary(one, start_of(one), "t").axes[0]
    image = axes.images[0]
    left, right, bottom, top = image.get_extent()
    colours = np.asarray(image.get_array())
    from matplotlib.colors import to_rgb

    for (x, y), label in zip(np.asarray(one.dataset.X), one.dataset.y, strict=True):
        row, column = (int((v - low) / (high - low) * 240) for v, low, high in ((y, bottom, top), (x, left, right)))
        tint = 0.8 + 0.2 * np.array(to_rgb(COLOURS[int(label)]))
        np.testing.assert_allclose(colours[row, column], tint)
    assert "4 of 4 training examples right" in [text.get_text() for text in axes.texts]
    assert len(axes.collections) >= 3  # the line between, and the points of two classes


def test_wrong_points_are_ringed() -> None:
    one = trial(dataset="gates", data={"gate": "xor"}, epochs=3)
    axes = draw_boundary(one, trained_weights(one), "t").axes[0]
    legend = axes.get_legend()
    assert legend is not None
    assert "wrong" in [text.get_text() for text in legend.get_texts()]


def test_the_hidden_space_of_xor_is_separated_by_a_line() -> None:
    """By the fixed gates: (0, 1) and (1, 0) fall on one point, which a line cuts off."""
    one = trial(dataset="gates", model="gate", data={"gate": "xor"}, epochs=0)
    axes = draw_hidden(one, start_of(one), "t").axes[0]
    names = {text.get_text() for text in axes.texts if text.get_text().startswith("(")}
    assert names == {
        "(0, 0)",
        "(0, 1)\n(1, 0)",
        "(1, 1)",
    }
    places = np.concatenate([np.asarray(points.get_offsets()) for points in axes.collections[-2:]])
    assert sorted(map(tuple, places.tolist())) == [(0, 1), (1, 0), (1, 1), (1, 1)]


def test_xor_is_learned_by_two_hidden_sigmoid_units() -> None:
    """Not from every start: some are stuck, and that is what the experiment counts."""
    experiment = read_experiment(EXPERIMENTS / "xor.toml")
    trials = [trial_of(experiment.specs({}, seed)) for seed in experiment.seeds]
    session = ENGINE.open("cpu", 1, 1)
    ends = [list(session.advance([one.work(fit_each=True)]))[-1].scores["fit_accuracy"] for one in trials]
    session.close()
    assert 3 <= sum(end == 1 for end in ends) < len(ends)


def test_the_perceptron_learns_what_a_line_separates() -> None:
    experiment = read_experiment(EXPERIMENTS / "perceptron.toml")
    session = ENGINE.open("cpu", 1, 1)
    for proposal in experiment.strategy().ask():
        for seed in experiment.seeds:
            one = trial_of(experiment.specs(proposal, seed))
            losses = [event.scores["train_loss"] for event in session.advance([one.work()])]
            separable = proposal["data.gate"] not in ("xor", "xnor")
            assert (losses[-1] == 0 and min(losses) == 0) == separable, proposal
            assert (0 in losses) == separable
    session.close()


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

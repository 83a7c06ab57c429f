"""Decision regions and hidden spaces, read off the figures."""

from pathlib import Path

import numpy as np
import pytest

from mlpctl.display.figure_style import COLOURS
from mlpctl.engines.kernel.engine import ENGINE
from mlpctl.inspection.draw_plane import draw_boundary, draw_hidden
from mlpctl.inspection.loader import start_of
from mlpctl.runner.experiment_file import read_experiment
from mlpctl.runner.trial import trial_of
from tests.helpers.making import trained_weights, trial

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


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
            losses = [epoch.scores["train_loss"] for event in session.advance([one.work()]) for epoch in event.each()]
            separable = proposal["data.gate"] not in ("xor", "xnor")
            assert (losses[-1] == 0 and min(losses) == 0) == separable, proposal
            assert (0 in losses) == separable
    session.close()

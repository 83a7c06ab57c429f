"""Exercises for real: the command, what it leaves, matrix products and the memory bus."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlpctl.bench import memory, sampling
from mlpctl.bench.memory import memory_summary
from mlpctl.report.figures.draw import draw
from mlpctl.runner.trial import trial_of
from mlpctl.textbook.exercises import matrix_sizes, neuron
from mlpctl.textbook.exercises.catalog import EXERCISES
from mlpctl.textbook.exercises.solve import solution_of
from tests.helpers.cli import Cli
from tests.helpers.making import classes, resolved

SNAPSHOT = Path(__file__).parent.parent / "snapshots" / "exercise_products.md"


@pytest.mark.parametrize("number", ["5.2.3", "5.2.7"])
def test_an_exercise_runs_answers_and_goes_on_where_it_stood(
    cli: Cli, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With few seeds and small products: the efforts differ in nothing else."""
    monkeypatch.setattr(sampling, "WARMUP_SECONDS", 0.0)
    monkeypatch.setattr(memory, "memory_summary", partial(memory_summary, runs=3))
    monkeypatch.setitem(matrix_sizes.PRODUCT_PLANS, "quick", matrix_sizes.ProductPlan((64, 63, 60), ("float32",), 2, 3))
    arguments = ("exercise", number, "--effort", "quick", "--out", "answers", "-q", "--offline", "--seeds")
    done = cli(*arguments, 2)
    assert done.code == 0, done.err
    folder = Path("answers") / number
    page = (folder / "answer.md").read_text()
    assert page.startswith(f"# Exercise {number}: ")
    assert done.out.split("\n\n")[0] in page
    assert f"Run: `mlpctl exercise {number} --effort quick --seeds 2`" in page
    assert (folder / "plot.png").read_bytes().startswith(b"\x89PNG")
    assert len(pd.read_csv(folder / "table.csv")) >= 2
    stored = next(path for path in (folder / "quick" / "trials.csv", folder / "quick.csv") if path.is_file())
    before = stored.read_bytes()
    assert cli(*arguments, 2).out == done.out
    assert stored.read_bytes() == before  # nothing was trained or measured twice
    fewer = cli(*arguments, 1)
    assert fewer.code == 0
    assert "beyond chance" not in fewer.out
    assert stored.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("5.2.10",), "no exercise '5.2.10'"),
        (("5.2.1", "--effort", "huge"), "quick"),
        (("5.2.1", "--seeds", "none"), "seeds must be a number of seeds"),
        (("5.2.1", "--out", "/proc/x"), "cannot write"),
    ],
)
def test_what_cannot_be_asked(cli: Cli, arguments: tuple[str, ...], message: str) -> None:
    done = cli("exercise", *arguments, "--offline", "-q")
    assert done.code == 2
    assert message in done.err
    assert "Traceback" not in done.err


def rounds(cost: dict[int, float], *, n: int = 7, noise: float = 0.002, bus: float | None = None) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for number in range(n):
        for size, extra in cost.items():
            seconds = 2 * size**3 / 1e11 * (1 + extra) * np.exp(noise * rng.normal())
            rows.append(
                {
                    "round": number, "n": size, "dtype": "float32", "device": "cpu", "threads": 1, "runs": 9,
                    "median": seconds, "iqr": 0.01 * seconds, "flops": 2 * size**3 / seconds, "bus_bits": bus,
                    "source": "the firmware" if bus else "nobody says", "copy_bytes_per_second": 2e10,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def study(timings: pd.DataFrame) -> matrix_sizes.ProductStudy:
    return matrix_sizes.build_study(timings, EXERCISES["5.2.7"])


def test_misaligned_products_are_slower_only_where_they_are() -> None:
    sizes = study(rounds({1024: 0.0, 1023: 0.1, 1000: 0.0, 1008: 0.0})).sizes
    assert set(sizes["where"]) == {"cpu float32 1 thread"}
    relative, p = (dict(zip(sizes["n"], sizes[column], strict=True)) for column in ("relative", "p"))
    assert relative[1023] == pytest.approx(1.1, abs=0.01)
    assert p[1023] < 0.001
    assert p[1000] > 0.05
    assert np.isnan(p[1024])
    assert dict(zip(sizes["n"], sizes["aligned"], strict=True)) == {1024: True, 1023: False, 1000: False, 1008: True}


def test_the_words_on_products_are_those_of_the_snapshot() -> None:
    """Run `python -m tests.textbook.test_exercises_measured` after a change of words, and read the difference."""
    assert snapshot() == SNAPSHOT.read_text("utf-8")


def snapshot() -> str:
    """Return the answers on made-up rounds: slower, faster, equal, one round; the bus known and unknown."""
    made = [
        rounds({1024: 0.0, 1023: 0.1, 1000: 0.0, 1008: 0.0}),
        rounds({1024: 0.0, 1000: -0.1}, bus=64.0),
        rounds({1024: 0.0, 1023: 0.0, 1008: 0.0}),
        rounds({1024: 0.0, 1008: 0.1}),
        rounds({1024: 0.0, 1023: 0.1}, n=1),
    ]
    text = ""
    for timings in made:
        solution = solution_of(EXERCISES["5.2.7"], timings)
        draw(solution.plot)
        text += "\n\n".join(["# 5.2.7", *solution.sentences]) + "\n\n"
    return text


def test_alignment_is_of_rows_in_bytes() -> None:
    assert matrix_sizes.is_aligned(1008, "float32")
    assert not matrix_sizes.is_aligned(1000, "float32")
    assert matrix_sizes.is_aligned(1000, "float64")


def test_the_copy_rate_is_of_this_machine() -> None:
    rate = memory_summary("cpu", runs=3)["copy_bytes_per_second"]
    assert isinstance(rate, float)
    assert 1e8 < rate < 1e13


def test_dead_units_and_bottlenecks_are_measured_on_weights() -> None:
    data = classes(k=4, n=80, d=6)

    class Fake:
        def __init__(self, units: int) -> None:
            self.spec = resolved(data, hidden_units=units)

        def work(self) -> Any:
            from mlpctl.data.prepare import prepare
            from mlpctl.engines.base import Work
            from mlpctl.models import build_network

            prepared = prepare(data, self.spec)
            return Work("t", self.spec, build_network(self.spec, prepared), prepared, 1)

    rng = np.random.default_rng(0)

    def weights(units: int, shift: float) -> dict[str, Any]:
        drawn = {"0.weight": rng.normal(size=(6, units)), "0.bias": np.full(units, shift),
                 "1.weight": rng.normal(size=(units, 4)), "1.bias": rng.normal(size=4)}  # fmt: skip
        return {name: array.astype(np.float32) for name, array in drawn.items()}

    alive = neuron.weight_facts(Fake(1), weights(1, 100.0))
    assert alive["dead"] == 0.0
    assert alive["first_direction"] == pytest.approx(1.0)  # all outputs lie on one line
    dead = neuron.weight_facts(Fake(1), weights(1, -1000.0))
    assert dead["dead"] == 1.0
    assert dead["classes"] == 1.0
    assert (alive["active"], dead["active"]) == (1.0, 0.0)
    assert np.isnan(dead["first_direction"])
    assert neuron.weight_facts(Fake(8), weights(8, 0.0))["first_direction"] < 0.999


def test_the_first_examples_are_a_dataset_of_their_own() -> None:
    from mlpctl.spec import make_spec

    trials = [trial_of(make_spec({"data": options})) for options in ({}, {"examples": 1000}, {"examples": 60000})]
    assert [len(trial.dataset.X) for trial in trials] == [70_000, 11_000, 70_000]
    assert trials[0].key == trials[2].key != trials[1].key
    assert np.array_equal(trials[1].dataset.X[-10_000:], trials[0].dataset.X[-10_000:])
    assert np.array_equal(trials[1].dataset.y[:1000], trials[0].dataset.y[:1000])


if __name__ == "__main__":
    SNAPSHOT.write_text(snapshot(), "utf-8")

"""`mlpctl inspect --weights`: the numbers of the file, under the names of inputs and classes."""

import json

import numpy as np
import pytest

from mlpctl.store.find_trial import find
from mlpctl.store.weights import read_weights
from tests.helpers.cli import Cli


def test_the_tables_have_the_numbers_of_the_file(cli: Cli) -> None:
    assert (
        cli("sweep", "--dataset", "iris", "--widths", "3", "--axis", "lr=0.1,0.2", "--batch-norm", "1", "-q").code == 0
    )
    done = cli("inspect", "results/iris-mlp", "--weights", "-f", "json")
    assert done.code == 0, done.err
    *_, first, last = json.loads(done.out).values()
    weights = read_weights(find("results/iris-mlp").file)
    assert [row["input"] for row in first][4:] == ["bias", "bn weight", "bn bias", "running mean", "running var"]
    numbers = [[row[f"unit {unit}"] for unit in (1, 2, 3)] for row in first]
    np.testing.assert_array_equal(numbers[:4], weights["0.weight"])
    np.testing.assert_array_equal(numbers[4:], [weights[f"0.{name}"] for name in (
        "bias", "bn_weight", "bn_bias", "running_mean", "running_var")])  # fmt: skip
    assert list(last[0]) == ["input", "setosa", "versicolor", "virginica"]
    np.testing.assert_array_equal([[*row.values()][1:] for row in last[:3]], weights["1.weight"])


@pytest.mark.parametrize("more", [(), ("--target-scaling", "standard")])
def test_linreg_has_the_truth_beside_it(cli: Cli, more: tuple[str, ...]) -> None:
    assert cli("train", "--dataset", "linreg", "--data", "w=2,-3.4", *more, "--epochs", "20", "--save", "-q").code == 0
    done = cli("inspect", "results/linreg-linear", "--weights", "-f", "json")
    assert done.code == 0, done.err
    rows = [*json.loads(done.out).values()][-1]
    assert [row["truth"] for row in rows] == [2, -3.4, 4.2]
    assert all(abs(row["found"] - row["truth"]) < 0.01 for row in rows)


def test_a_network_that_nobody_could_read_is_refused(cli: Cli) -> None:
    done = cli("inspect", "--dataset", "digits", "--widths", "1024", "--weights")
    assert done.code == 2
    assert "export RESULTS --to safetensors" in done.err

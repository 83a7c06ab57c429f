"""Find a trial: by key, or the best by the selection of its folder."""

from pathlib import Path
from typing import Any

import pytest

from mlpctl.errors import DataError, UsageError
from mlpctl.store.find_trial import find
from tests.helpers.synthetic import write


def test_of_several_trials_the_best_seed_of_the_best_configuration(tmp_path: Path) -> None:
    rows = [{"lr": lr, "seed": seed, "val_accuracy": a} for lr, seed, a in
            ((0.1, 0, 0.99), (0.1, 1, 0.5), (0.2, 0, 0.8), (0.2, 1, 0.9), (0.2, 2, 0.85))]  # fmt: skip
    place = find(str(write(tmp_path / "r", rows)), needed=False)
    assert place.key == "k3"
    assert "the best of 5 trials by validation accuracy, 0.9000 (of the 3 seeds of the best" in place.why
    assert find(f"{tmp_path / 'r'}#k0", needed=False).key == "k0"
    with pytest.raises(UsageError, match="fits 5 trials, give more of the key: k0, k1"):
        find(f"{tmp_path / 'r'}#k", needed=False)


def test_where_nothing_chooses_the_trials_are_told_apart(tmp_path: Path) -> None:
    rows = [{"data": f'{{"gate":"{gate}"}}', "dataset": "gates"} for gate in ("and", "xor")]
    with pytest.raises(UsageError) as error:
        find(str(write(tmp_path / "r", rows)), needed=False)
    assert "name one as" in str(error.value)
    assert "k0 (data.gate and), k1 (data.gate xor)" in str(error.value)


def test_a_configuration_with_a_failed_seed_comes_after_one_without(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"lr": 0.1, "seed": 0, "val_accuracy": 0.9}, {"lr": 0.1, "seed": 1}]
    rows[1]["status"] = "diverged"
    rows += [{"lr": 0.2, "seed": seed, "val_accuracy": 0.5} for seed in (0, 1)]
    place = find(str(write(tmp_path / "r", rows)), needed=False)
    assert place.key == "k2"
    assert "the best of 3 trials" in place.why
    assert find(f"{tmp_path / 'r'}#k1", needed=False, failed=True).key == "k1"


def test_the_experiment_says_what_selects(tmp_path: Path) -> None:
    rows = [{"lr": lr, "val_accuracy": lr, "test_loss": lr} for lr in (0.1, 0.2)]
    experiment = {"select": {"on": "test", "metric": "loss"}}
    place = find(str(write(tmp_path / "r", rows, experiment=experiment)), needed=False)
    assert (place.key, "test loss, 0.1000" in place.why) == ("k0", True)


@pytest.mark.parametrize(
    "data",
    [
        ({"dataset": "iris"}, {"dataset": "wine"}),
        ({"data": '{"path":"a.csv"}', "digest": "1"}, {"data": '{"path":"b.csv"}', "digest": "2"}),
        ({"data": '{"path":"a.csv"}', "digest": "1"}, {"data": '{"path":"a.csv"}', "digest": "2"}),
    ],
    ids=["datasets", "files", "a file that was changed"],
)
def test_trials_of_different_data_have_no_best(tmp_path: Path, data: tuple[dict[str, str], dict[str, str]]) -> None:
    rows = [{"val_accuracy": 0.5, "lr": number / 10, **some} for number, some in enumerate(data)]
    with pytest.raises(UsageError, match="2 trials and nothing that chooses among them"):
        find(str(write(tmp_path / "r", rows)), needed=False)


def test_options_of_the_data_may_differ(tmp_path: Path) -> None:
    rows = [{"data": f'{{"noise":{noise}}}', "digest": str(noise), "val_accuracy": noise} for noise in (0.1, 0.2)]
    assert find(str(write(tmp_path / "r", rows)), needed=False).key == "k1"


def test_no_results_and_no_weights(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no results in .*: trials.csv is missing"):
        find(str(tmp_path))
    with pytest.raises(DataError, match="has no saved weights"):
        find(str(write(tmp_path / "r", [{"val_accuracy": 0.5}])))

"""Training that starts from trained weights: which weights are meant, what is taken, and the trial's key."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from mlpctl.engines.initial_weights import initial_weights, transferred_layers
from mlpctl.engines.kernel.engine import ENGINE as KERNEL
from mlpctl.engines.reference import ENGINE as REFERENCE
from mlpctl.errors import DataError
from mlpctl.runner.trial import trial_of
from mlpctl.spec import make_spec
from mlpctl.store.find_trial import find
from mlpctl.store.results import load
from mlpctl.store.weights import read_weights, weights_at
from tests.helpers.cli import Cli
from tests.helpers.making import classes, trained, work_of

DIGITS = ("train", "--dataset", "digits", "--hidden-units", "16", "--epochs", "3", "-q")


def start(path: Path, **fields: Any) -> Path:
    """Save the initial weights of a network for the small classes and return the file."""
    work = work_of(classes(), init="normal", init_scale=0.5, **fields)
    save_file(initial_weights(work.network, work.spec), path)
    return path


@pytest.mark.parametrize("how", [("--engine", "kernel"), ("--impl", "scratch"), ("--impl", "concise")])
def test_before_the_first_epoch_it_scores_as_at_the_end_of_what_it_starts_from(cli: Cli, how: tuple[str, str]) -> None:
    assert cli(*DIGITS, *how, "--save").code == 0
    done = cli(*DIGITS, *how, "--init-from", "results/digits-mlp", "--epochs", "0", "--name", "again")
    assert done.code == 0, done.err
    before, after = load("results/digits-mlp").trials.iloc[0], load("results/again").trials.iloc[0]
    for column in ("val_loss", "val_accuracy", "test_loss", "test_accuracy"):
        assert after[column] == before[column], column
    assert "drawn anew" not in done.err


def test_both_engines_train_the_same_trial_from_weights(tmp_path: Path) -> None:
    file = start(tmp_path / "w.safetensors", widths="7,6", batch_norm="1", dtype="float64")
    fields: dict[str, Any] = {
        "widths": "7,6", "batch_norm": "1", "dtype": "float64", "optimizer": "adam", "init_from": str(file)
    }  # fmt: skip
    ends = []
    for engine, impl in ((KERNEL, "auto"), (REFERENCE, "scratch")):
        session = engine.open("cpu", 1, 1)
        trained(session, work_of(classes(), impl=impl, **fields))
        ends.append(session.weights("t"))
        session.close()
    without = work_of(classes(), **{**fields, "init_from": None})
    assert not np.allclose(initial_weights(without.network, without.spec)["0.weight"], read_weights(file)["0.weight"])
    for name, array in ends[0].items():
        assert abs(array - ends[1][name]).max() <= 1e-9 * abs(array).max(), name


def test_the_key_depends_on_the_weights_not_on_where_they_lie(tmp_path: Path) -> None:
    fields = {"dataset": "iris", "widths": "8", "epochs": 1}
    base = trial_of(make_spec(fields))
    one = tmp_path / "one.safetensors"
    save_file(initial_weights(base.network, base.spec), one, metadata={"made": "here"})
    other = tmp_path / "other.safetensors"
    save_file(read_weights(one), other)
    changed = tmp_path / "changed.safetensors"
    weights = read_weights(one)
    weights["1.bias"][0] += 1e-6
    save_file(weights, changed)
    trials = {path: trial_of(make_spec({**fields, "init_from": str(path)})) for path in (one, other, changed)}
    assert trials[one].key == trials[other].key
    assert trials[one].config == trials[other].config
    assert len({base.key, trials[one].key, trials[changed].key}) == 3
    again = trial_of(trials[one].spec)  # what is resolved is resolved
    assert (again.key, again.spec) == (trials[one].key, trials[one].spec)


def test_a_changed_file_is_not_taken_for_the_old_one(tmp_path: Path) -> None:
    file = start(tmp_path / "w.safetensors", widths="4")
    spec = make_spec({"dataset": "iris", "init_from": f"{file}@0123456789abcdef"})
    with pytest.raises(DataError, match="have changed"):
        weights_at(str(spec.init_from))


def test_transfer_takes_what_fits_and_says_what_it_drew(cli: Cli) -> None:
    """From ten digits to three, in another dataset: the hidden layer is kept, the output layer is new."""
    assert cli(*DIGITS, "--save").code == 0
    from mlpctl.data.sklearn_sets import from_sklearn

    arrays = from_sklearn("digits")
    few = arrays["y"] < 3
    np.savez("few.npz", X=arrays["X"][few], y=arrays["y"][few])
    table = ("train", "--dataset", "table", "--data", "path=few.npz", "--scaling", "unit", "--hidden-units", "16", "-q")
    done = cli(*table, "--epochs", "0", "--init-from", "results/digits-mlp", "--save", "--name", "few")
    assert done.code == 0, done.err
    assert "note: layer 2 (16→3) of 2 drawn anew: results/digits-mlp#" in done.err
    assert cli(*table, "--epochs", "0", "--save", "--name", "fresh").code == 0
    old, few_, fresh = (read_weights(find(f"results/{name}").file) for name in ("digits-mlp", "few", "fresh"))
    np.testing.assert_array_equal(few_["0.weight"], old["0.weight"])
    np.testing.assert_array_equal(few_["1.weight"], fresh["1.weight"])
    assert not np.array_equal(few_["0.weight"], fresh["0.weight"])


def test_a_layer_is_taken_whole_or_not_at_all() -> None:
    plain, normalized = (work_of(classes(), widths="8,8", batch_norm=some).network for some in ("none", "2"))
    weights = initial_weights(normalized, work_of(classes(), widths="8,8", batch_norm="2").spec)
    assert transferred_layers(normalized, weights) == (0, 1, 2)
    assert transferred_layers(plain, weights) == (0, 1, 2)
    without = {name: array for name, array in weights.items() if name != "1.running_var"}
    assert transferred_layers(normalized, without) == (0, 2)
    assert transferred_layers(plain, {"other": np.zeros(3)}) == ()


def test_a_sweep_over_starts(cli: Cli) -> None:
    for seed in (0, 1):
        assert cli(*DIGITS, "--save", "--seed", str(seed)).code == 0
    files = sorted(Path("results/digits-mlp/weights").iterdir())
    done = cli("sweep", "--dataset", "digits", "--hidden-units", "16", "--epochs", "1", "--name", "starts",
               "--axis", f"init_from={files[0]},{files[1]}", "-q")  # fmt: skip
    assert done.code == 0, done.err
    trials = load("results/starts").trials
    assert trials["config"].nunique() == 2
    assert trials["init_from"].str.startswith("results/digits-mlp/weights/").all()


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--init-from", "results/digits-mlp", "--hidden-units", "5", "--hidden-layers", "2"), 2, "fits no layer: the"),
        (("--init-from", "results/none"), 4, "no results in results/none"),
        (("--init-from", "results/unsaved"), 4, "has no saved weights"),
        (("--init-from", "results/digits-mlp#xyz"), 2, "has no trial xyz: some are "),
        (("--init-from", "no.safetensors"), 4, "cannot read no.safetensors"),
        (("--init-from", "bad.safetensors"), 4, "bad.safetensors cannot be read as safetensors"),
        (("--init-from", "other.safetensors"), 2, "fits no layer"),
    ],
)
def test_what_cannot_be_started_from(cli: Cli, options: tuple[str, ...], code: int, message: str) -> None:
    assert cli(*DIGITS, "--save").code == 0
    assert cli(*DIGITS, "--name", "unsaved").code == 0
    Path("bad.safetensors").write_bytes(b"nothing of the kind")
    save_file({"fc.weight": np.zeros((3, 3))}, "other.safetensors")
    done = cli("train", "--dataset", "digits", "--hidden-units", "16", "--name", "new", *options)
    assert (done.code, message in done.err) == (code, True), done.err
    assert len(done.err.splitlines()) == 1


def test_the_command_that_the_message_names_saves_the_weights(cli: Cli) -> None:
    assert cli(*DIGITS).code == 0
    message = cli("predict", "results/digits-mlp", "--index", "0").err
    command = message.split("`")[1]
    assert command == "mlpctl sweep results/digits-mlp/experiment.toml --save"
    assert cli(*command.split()[1:]).code == 0
    assert cli("predict", "results/digits-mlp", "--index", "0").code == 0
    shutil.move("results", "elsewhere")
    shutil.rmtree("elsewhere/digits-mlp/weights")
    assert "--save --out elsewhere`" in cli("predict", "elsewhere/digits-mlp", "--index", "0").err


def test_a_gate_has_its_weights_from_nobody(cli: Cli) -> None:
    done = cli("train", "--dataset", "gates", "--model", "gate", "--init-from", "x.safetensors")
    assert done.code == 2
    assert "weights of model gate are set by hand" in done.err

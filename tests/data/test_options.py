"""--data of the commands that read what was trained before: the dataset's files may lie elsewhere by now."""

from pathlib import Path

import pytest

from mlpctl import data
from mlpctl.data import files
from mlpctl.data.fashion_mnist import PUBLISHED
from mlpctl.store.results import load
from tests.helpers.cli import Cli


@pytest.fixture
def moved(cli: Cli) -> str:
    """Train on a table, move it, and return the option that says where it is now."""
    lines = ["x,y", *(f"{k % 7},{'a' if k % 7 > 3 else 'b'}" for k in range(40))]
    Path("old.csv").write_text("\n".join(lines) + "\n")
    done = cli(
        "train", "--dataset", "table", "--data", "path=old.csv", "--data", "target=y", "--epochs", 2, "--save", "-q"
    )
    assert done.code == 0, done.err
    Path("old.csv").rename("new.csv")
    data.clear_cache()  # a new process has loaded nothing
    return "path=new.csv"


@pytest.mark.parametrize("command", [("predict", "--index", "0"), ("inspect",), ("verify",)])
def test_results_are_read_with_their_dataset_where_it_is_now(cli: Cli, moved: str, command: tuple[str, ...]) -> None:
    name, *options = command
    lost = cli(name, "results/table-mlp", *options)
    assert (lost.code, "no file old.csv" in lost.err) == (4, True), lost.err
    found = cli(name, "results/table-mlp", *options, "--data", moved)
    assert found.code == 0, found.err


def test_other_data_than_it_was_trained_on_are_still_refused(cli: Cli, moved: str) -> None:
    Path("new.csv").write_text(Path("new.csv").read_text() + "1,a\n")
    done = cli("predict", "results/table-mlp", "--index", "0", "--data", moved)
    assert (done.code, "is not what results/table-mlp#" in done.err) == (4, True), done.err
    judged = cli("verify", "results/table-mlp", "--data", moved, "--format", "csv", "-q")
    assert (judged.code, "dataset digest" in judged.out) == (6, True), judged.err


def test_an_experiment_is_verified_with_other_options(cli: Cli) -> None:
    Path("gate.toml").write_text(
        '[spec]\ndataset = "gates"\nmodel = "gate"\n[select]\non = "test"\n[[expect]]\nfigure = "rows right"\n'
        'measure = "test_accuracy"\ncompare = "near"\npublished = 1.0\n'
    )
    assert cli("verify", "gate.toml", "--data", "gate=NOR", "-q").code == 0
    assert load("results/gate").trials["data"].iloc[0] == '{"gate":"NOR"}'
    assert cli("verify", "gate.toml", "--data", "noise=1").code == 2
    done = cli("verify", "--data", "gate=NOR")
    assert (done.code, "name the experiment too" in done.err) == (2, True)


@pytest.mark.needs("fashion-mnist")
def test_an_exercise_reads_a_users_folder(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = PUBLISHED.installed
    monkeypatch.setattr(files, "DEBIAN", tmp_path / "none")
    monkeypatch.setenv("MLPCTL_DATA_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MLPCTL_OFFLINE", "0")  # recorded here, so that --offline does not outlive its test
    arguments = ("exercise", "5.2.1", "--effort", "quick", "--seeds", "1", "-q", "--offline")
    assert cli(*arguments, "--data", f"folder={tmp_path / 'none'}").code == 4  # a folder that was named is meant
    done = cli(*arguments, "--data", f"folder={folder}", "--data", "examples=500")
    assert done.code == 0, done.err
    page = Path("results/exercises/5.2.1/answer.md").read_text()
    assert f"--data folder={folder} --data examples=500`" in page
    assert not (tmp_path / "cache" / "fashion-mnist").exists()


def test_an_exercise_without_data_says_so(cli: Cli) -> None:
    done = cli("exercise", "5.2.6", "--data", "examples=500")
    assert (done.code, "reads no dataset" in done.err) == (2, True)

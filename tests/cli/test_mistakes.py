"""Test that a mistake of the command line gets one message, with the right word in it, and leaves nothing behind."""

from pathlib import Path

import pytest

from tests.helpers.cli import Cli, trial_rows

IRIS = ("--dataset", "iris", "--epochs", "1")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train", "--dataset", "mnist"), "did you mean 'fashion-mnist'"),
        (("train", "--dataset", "my.csv"), "--dataset table --data path=my.csv"),
        (("train", "iris"), "--dataset iris"),
        (("train", *IRIS, "--seeds", "3"), "mlpctl sweep --seeds"),
        (("train", *IRIS, "--axis", "lr=1"), "mlpctl sweep --axis"),
        (("train", *IRIS, "--dropout", "50"), "50 % is 0.5"),
        (("train", *IRIS, "--momentum", "0.9"), "choose optimizer momentum"),
        (("train", *IRIS, "--optimzer", "sgd"), "no option --optimzer"),
        (("train", *IRIS, "--lr", "0.1,0.2"), "--axis lr=0.1,0.2"),
        (("train", *IRIS, "--set", "lr=0.1", "--lr", "0.2"), "lr is given twice"),
        (("train", *IRIS, "--set", "lr=0.1", "--set", "lr=0.2"), "lr is given twice"),
        (("train", *IRIS, "--set", "learning_rate=0.1", "--lr", "0.2"), "lr is given twice"),
        (("trian",), "'train'"),
        (("exercise", "10"), "no exercise '10'"),
        (("sweep", *IRIS), "nothing varies"),
        (("sweep", *IRIS, "--axis", "lr=1..10"), "lr=lin:1:10:N"),
        (("sweep", *IRIS, "--axis", "lr=0.1,", "0.2"), "no blank between"),
        (("sweep", *IRIS, "--axis", "lr=0.1,"), "no comma at its end"),
        (("sweep", *IRIS, "--axis", "lr=log:1:0.001:3"), "write log:0.001:1"),
        (("sweep", *IRIS, "--axis", "lrr=1"), "did you mean 'lr'"),
        (("sweep", *IRIS, "--lr", "0.5", "--axis", "lr=0.1,0.2"), "lr is fixed to 0.5, and varies"),
        (("sweep", *IRIS, "--axis", "dataset=iris,wine"), "dataset is fixed to iris, and varies"),
        (("sweep", *IRIS, "--axis", "momentum=0.5 when optimizer=momentum", "--optimizer", "adam"), "never exists"),
        (("sweep", *IRIS, "--axis", "@list.csv", "--lr", "0.5"), "varies by the list of configurations"),
    ],
)
def test_a_mistake_gets_the_right_word(cli: Cli, arguments: tuple[str, ...], words: str) -> None:
    Path("list.csv").write_text("lr\n0.1\n0.2\n")
    done = cli(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert words in done.err
    assert not Path("results").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('[search]\nmetod = "grid"', "unknown key 'metod': did you mean 'method'?"),
        ("[spec]\nhidden_units = true", "hidden_units is not true or false"),
        ("[axes]\nhidden_units = [true]", "hidden_units is not true or false"),
        ("[spec]\nlr = [0.1, 0.2]", "--axis lr=0.1,0.2"),
        ("[spec]\nlearning_rate = 0.1\nlr = 0.1", "lr is given twice"),
    ],
)
def test_a_mistake_in_a_file_gets_the_right_word(cli: Cli, content: str, words: str) -> None:
    Path("ex.toml").write_text(content)
    done = cli("sweep", "ex.toml")
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert words in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--learning-rate", "0.5", "--activation", "Swish", "--hidden_units", "5"),
        ("--set", "Learning_Rate=0.5", "--set", "activation=SiLU", "--set", "hidden-size=5"),
    ],
)
def test_what_is_unambiguous_is_the_same_trial(cli: Cli, arguments: tuple[str, ...]) -> None:
    assert cli("train", *IRIS, "--lr", "0.5", "--activation", "silu", "--hidden-units", "5").code == 0
    assert cli("train", *IRIS, *arguments).code == 0
    assert len(trial_rows("iris-mlp")) == 1


def test_values_in_brackets_and_by_other_names_are_an_axis(cli: Cli) -> None:
    assert cli("sweep", *IRIS, "--axis", "learning_rate=[0.1, 0.2]", "-q").code == 0
    assert cli("report", "results/iris-mlp", "-f", "csv").out.count("\n") == 3


def test_a_file_may_begin_with_a_byte_order_mark(cli: Cli) -> None:
    Path("ex.toml").write_bytes(b'\xef\xbb\xbf[spec]\ndataset = "iris"\nepochs = 1\n[axes]\nlr = [0.1, 0.2]\n')
    assert cli("sweep", "ex.toml", "-q").code == 0


@pytest.mark.parametrize(
    ("arguments", "note"),
    [
        (("--axis", "lr=0.1,0.1,0.2"), "axis lr: of 3 values 2 differ, and each is trained once: 0.1, 0.2"),
        (("--axis", "hidden_units=int:4:6:7"), "axis hidden_units: of 7 values 3 differ"),
    ],
)
def test_an_axis_that_shrinks_is_told(cli: Cli, arguments: tuple[str, ...], note: str) -> None:
    assert note in cli("sweep", *IRIS, *arguments).err
    assert note in cli("sweep", *IRIS, *arguments, "--dry-run").err


def test_a_flag_that_overrules_a_file_is_told(cli: Cli) -> None:
    Path("ex.toml").write_text(
        '[spec]\ndataset = "iris"\nepochs = 1\n[axes]\noptimizer = ["sgd", "momentum"]\nlr = [0.1, 0.2]\n'
        'momentum = {values = [0.5, 0.9], when = {optimizer = "momentum"}}\n'
    )
    done = cli("sweep", "ex.toml", "--optimizer", "sgd")
    assert done.code == 0
    assert "note: optimizer sgd overrules the axis of ex.toml" in done.err
    assert "note: axis momentum of ex.toml never exists where optimizer is sgd" in done.err


def test_none_is_a_value_of_what_may_be_left_out(cli: Cli) -> None:
    assert cli("train", *IRIS, "--hidden-units", "4", "--save", "--name", "base").code == 0
    axis = ("--axis", "init_from=none,results/base", "--axis", "batch_norm=none;all")
    assert cli("sweep", *IRIS, "--hidden-units", "4", *axis, "-q").code == 0
    assert len(trial_rows("iris-mlp")) == 4
    assert cli("sweep", "results/iris-mlp/experiment.toml", "--name", "again", "-q").code == 0
    assert trial_rows("again").keys() == trial_rows("iris-mlp").keys()


@pytest.mark.parametrize(
    ("arguments", "file"),
    [
        (("config", "-c", "ex.toml", "-o", "ex.toml"), "ex.toml"),
        (
            ("data", "show", "table", "--data", "path=my.csv", "--data", "target=y", "-f", "csv", "-o", "my.csv"),
            "my.csv",
        ),
        (
            ("data", "show", "table", "--data", "path=my.csv", "--data", "target=y", "-f", "csv", "-o", "./my.csv"),
            "my.csv",
        ),
        (("sweep", *IRIS, "--axis", "@list.csv", "-n", "-o", "list.csv"), "list.csv"),
        (("sweep", "ex.toml", "-n", "-o", "ex.toml"), "ex.toml"),
    ],
)
def test_no_output_replaces_an_input(cli: Cli, arguments: tuple[str, ...], file: str) -> None:
    Path("ex.toml").write_text('[spec]\ndataset = "iris"\n[axes]\nlr = [0.1, 0.2]\n')
    Path("my.csv").write_text("x,y\n" + "1,a\n2,b\n" * 20)
    Path("list.csv").write_text("lr\n0.1\n0.2\n")
    before = Path(file).read_bytes()
    done = cli(*arguments)
    assert done.code == 2
    assert "would be written, and is also an input" in done.err
    assert Path(file).read_bytes() == before

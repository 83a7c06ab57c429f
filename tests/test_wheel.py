"""mlpctl as it is installed from its wheel, without a checkout: the experiments that come with it, by name."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from mlpctl.runner.shipped_experiments import experiment_names, find_experiment
from tests.helpers.cli import Cli

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel and install it alone into an environment that finds the libraries of this one."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(build, check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "env"], check=True)
    python = folder / "env/bin/python"
    (wheel,) = folder.glob("mlpctl-*.whl")
    subprocess.run([*pip, "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)], check=True)
    asked = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    libraries = dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
    Path(site, "libraries.pth").write_text("".join(f"{path}\n" for path in libraries))
    return python.with_name("mlpctl")


def run(program: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    given = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run([program, *words], cwd=folder, env=given, capture_output=True, text=True, check=False)


def test_shipped_experiments_are_found_by_name(program: Path, tmp_path: Path) -> None:
    done = run(program, tmp_path, "sweep", "iris", "--epochs", "2", "--seeds", "1", "-q")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "results/iris/trials.csv").is_file()
    done = run(program, tmp_path, "verify", "linreg", "--quick", "-q", "--format", "csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert {line.split(",")[0] for line in done.stdout.splitlines()[1:]} == {"linreg"}


@pytest.mark.needs("fashion-mnist")
def test_an_exercise_runs_from_the_wheel(program: Path, tmp_path: Path) -> None:
    exercise = run(program, tmp_path, "exercise", "5.2.1", "--effort", "quick", "--seeds", "1", "-q")
    assert (exercise.returncode, exercise.stderr) == (0, "")
    assert (tmp_path / "results/exercises/5.2.1/answer.md").is_file()


def test_the_installed_package_is_whole(program: Path, tmp_path: Path) -> None:
    code = "import mlpctl.runner.shipped_experiments as s; print(s.experiments_folder(), *s.experiment_names())"
    done = run(program.with_name("python"), tmp_path, "-c", code)
    folder, *names = done.stdout.split()
    assert Path(folder).is_relative_to(program.parent.parent)
    assert names == experiment_names()


def test_a_file_of_the_user_goes_first(cli: Cli) -> None:
    own = '[spec]\ndataset = "gates"\nepochs = 1\n[select]\non = "train"\n[axes]\nlr = [0.1, 0.2]\n'
    Path("iris").write_text(own)
    assert cli("sweep", "iris", "--dry-run").code == 0
    assert find_experiment(Path("iris")) == Path("iris")
    Path("iris").unlink()
    Path("iris").mkdir()  # a folder is no experiment
    assert find_experiment(Path("iris")).parent.name == "experiments"
    assert cli("sweep", "iris", "--dry-run").code == 0


def test_results_of_the_user_go_first_where_a_command_takes_them(cli: Cli) -> None:
    assert "ladder" in cli("inspect", "ladder").out + cli("inspect", "ladder").err
    cli("train", "--dataset", "iris", "--epochs", "1", "-q", "--out", ".", "--name", "ladder")
    done = cli("inspect", "ladder")
    assert done.code == 0
    assert "iris" in done.out
    assert cli("verify", "ladder", "-q").code == 0


@pytest.mark.parametrize(
    "command", [("sweep",), ("train", "--config"), ("config", "--config"), ("verify",), ("inspect",)]
)
def test_a_slip_is_answered_with_the_name(cli: Cli, command: tuple[str, ...]) -> None:
    done = cli(*command, "linrg")
    assert done.code == 2
    assert "did you mean 'linreg'?" in done.err
    assert len(done.err.splitlines()) == 1


def test_every_command_that_takes_a_file_takes_a_name(cli: Cli) -> None:
    assert cli("config", "--config", "exercise-5.2.1").code == 0
    assert cli("train", "--config", "linreg", "--epochs", "1", "-q").code == 0
    assert Path("results/linreg/trials.csv").is_file()
    assert cli("inspect", "iris").code == 0

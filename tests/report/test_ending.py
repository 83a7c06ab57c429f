"""The end of a sweep in words: the answer first, in two columns where there is room, the same in any width."""

from pathlib import Path

import pytest

from tests.helpers.cli import Cli
from tests.helpers.synthetic import write

SCORES = {1.0: (0.99, 0.98, 1.0), 0.1: (0.99, 0.97, 0.99), 0.5: (0.97, 0.96, 0.4), 0.01: (0.3, 0.31, 0.29)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [
        {"lr": lr, "seed": seed, "val_accuracy": score, "test_accuracy": 0.9, "val_examples": 100, "test_examples": 450}
        for lr, scores in SCORES.items()
        for seed, score in enumerate(scores)
    ]
    return write(tmp_path / "r", rows)


def test_the_whole_of_it(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    said = cli("report", folder.name).out
    assert "iris: 4 settings × 3 seeds = 12 runs, all finished.  saved in r\n\nBEST   lr 1\n" in said
    assert "       validation accuracy  0.9900  (seeds 0.9800 to 1.0000; 100 examples, used to choose)\n" in said
    assert "       test accuracy        0.9000  (450 examples, not used to choose: quote this one)\n" in said
    assert "SURE?  Not yet: 3 seeds are few.\n       1 setting is close (within 0.0067)" in said
    assert "       1 setting is worse\n" in said
    assert "behind, unproven; unstable: 1 seed far below" in " ".join(said.split())
    assert said.endswith("More: mlpctl report r  --html page.html | --stats | --by lr\n")


def test_statistics_are_there_for_who_asks(cli: Cli, folder: Path) -> None:
    for column in (" sd", " low", " high", " p", "unstable"):
        assert column in cli("report", folder.name, "--stats").out
    assert "[0." in cli("report", folder.name, "--stats").out


@pytest.mark.parametrize("width", [40, 80, 140])
def test_it_fits_and_says_the_same(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    said = cli("report", folder.name).out
    assert max(map(len, said.splitlines())) <= width
    assert "3 seeds cannot exclude bad luck" in " ".join(said.split())
    assert cli("report", folder.name, "--ascii").out.isascii()

"""The page of answers: all of them, within itself; digits in place of Fashion-MNIST where that is not to be had."""

from pathlib import Path

import pytest

from mlpctl.data import clear_cache
from tests.helpers.cli import Cli


@pytest.fixture
def without_fashion_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlpctl.data import fashion_mnist
    from mlpctl.errors import DataError

    def missing(*_: object) -> None:
        raise DataError("nowhere")

    clear_cache()
    monkeypatch.setattr(fashion_mnist, "load", missing)
    monkeypatch.setattr("mlpctl.data.source_of", lambda name: _source(name, missing))


def _source(name: str, missing: object) -> object:
    from dataclasses import replace

    from mlpctl.registry import import_registered

    source = import_registered("dataset", name)
    return replace(source, load=missing) if name == "fashion-mnist" else source


@pytest.mark.usefixtures("without_fashion_mnist")
def test_an_exercise_runs_on_digits_and_its_page_needs_no_network(cli: Cli) -> None:
    done = cli("exercise", "2", "--effort", "quick", "--seeds", "2", "-q", "--offline", "--html", "page.html")
    clear_cache()
    assert done.code == 0, done.err
    assert "This answer is about digits: Fashion-MNIST" in done.out
    page = Path("page.html").read_text()
    assert done.out.split("\n\n")[0] in page
    assert "This answer is about digits" in page
    assert "data:image/png;base64," in page
    assert "default-src 'none'" in page
    assert "<script" not in page


def test_data_options_are_for_one_exercise(cli: Cli) -> None:
    done = cli("exercise", "all", "--data", "examples=100", "-q", "--offline")
    assert done.code == 2
    assert "--data is for one exercise" in done.err

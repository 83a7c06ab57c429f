"""docs/notebook.ipynb is what its cells give: run anew in a kernel of its own, every claim of its texts checked."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.notebook import CELLS
from tests.helpers.pages import ROOT, masked

Book = dict[str, Any]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Book:
    """Return the notebook, run now; in a process of its own, because a kernel's client has threads and a loop."""
    path = tmp_path_factory.mktemp("notebook") / "fresh.ipynb"
    done = subprocess.run(
        [sys.executable, "-m", "tests.helpers.notebook", path],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(path.read_text("utf-8")))


@pytest.fixture(scope="module")
def kept() -> Book:
    return dict(json.loads((ROOT / "docs/notebook.ipynb").read_text("utf-8")))


def outputs(book: Book) -> list[list[Any]]:
    """Return what each code cell shows: kinds of output, and their text without numbers."""
    found = []
    for cell in book["cells"]:
        if cell["cell_type"] == "code":
            texts = [out.get("text") or out["data"]["text/plain"] for out in cell["outputs"]]
            kinds = [sorted(out.get("data", {"stream": ""})) for out in cell["outputs"]]
            found.append([kinds, [masked("".join(text))[0] for text in texts]])
    return found


def test_the_notebook_that_is_kept_is_what_its_cells_give(kept: Book, fresh: Book) -> None:
    sources = ["".join(cell["source"]) for cell in kept["cells"]]
    assert sources == [part for text, code, _ in CELLS for part in (text, code)], "stale: run `make notebook`"
    assert outputs(kept) == outputs(fresh), "stale: run `make notebook`"


def test_what_a_notebook_shows_is_one_thing_a_cell(kept: Book) -> None:
    for cell in kept["cells"]:
        if cell["cell_type"] == "code":
            kinds = [out["output_type"] for out in cell["outputs"]]
            assert kinds in ([], ["execute_result"], ["stream"], ["stream", "execute_result"]), cell["source"]
    figures = [out for cell in kept["cells"] for out in cell.get("outputs", []) if "image/png" in out.get("data", {})]
    assert len(figures) == 2


def test_the_notebook_is_small_and_names_no_machine(kept: Book) -> None:
    text = (ROOT / "docs/notebook.ipynb").read_text("utf-8")
    assert len(text) < 300_000
    assert str(Path.home()) not in text
    assert "/tmp" not in text.replace("image/png", "")
    assert kept["metadata"]["kernelspec"]["name"] == "python3"

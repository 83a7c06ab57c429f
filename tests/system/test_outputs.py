"""Outputs destroy nothing: no link, no file of a results folder, no old file on a full disk."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from mlpctl.errors import UsageError
from mlpctl.system.files import STORE_FILES, STORE_FOLDERS, write_output


@pytest.mark.parametrize("name", [*STORE_FILES, *(f"{folder}/a.safetensors" for folder in STORE_FOLDERS)])
def test_an_output_never_replaces_a_file_of_a_results_folder(tmp_path: Path, name: str) -> None:
    """The file stays as it was."""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    (tmp_path / "trials.csv").write_text("old")
    path.write_text("old")
    with pytest.raises(UsageError):
        write_output(path, b"new")
    assert path.read_text() == "old"


def test_an_output_goes_through_no_link(tmp_path: Path) -> None:
    """Neither the link nor what it names changes, also where that is not there."""
    (tmp_path / "target").write_text("old")
    for number, target in enumerate(("target", "missing")):
        link = tmp_path / f"link{number}"
        link.symlink_to(tmp_path / target)
        with pytest.raises(UsageError):
            write_output(link, b"new")
        assert link.is_symlink()
    assert (tmp_path / "target").read_text() == "old"
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize("suffix", [".csv", ".png", ".pdf", ".svg"])
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, suffix: str) -> None:
    """The error is one line with exit code 4, and nothing else is left in the folder."""
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"old")
    option = "-o" if suffix == ".csv" else "--plot"
    arguments = ["data", "show", "digits", "-f", "csv", option, str(path)]
    done = subprocess.run(
        [sys.executable, "-B", "-m", "mlpctl", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
    )  # fmt: skip
    assert done.returncode == 4, done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("error:")]) == 1
    assert "Traceback" not in done.stderr
    assert path.read_bytes() == b"old"
    assert sorted(tmp_path.iterdir()) == [path]

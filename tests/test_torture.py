"""A few of the sweeps of `make torture`: killed at moments that a seed draws, or on a full disk, then run again."""

from pathlib import Path

import pytest

from tests.torture import EXPERIMENTS, full_disk, killed, undisturbed


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_killed_and_on_a_full_disk_the_same_command_finishes_the_job(name: str, tmp_path: Path) -> None:
    whole = undisturbed(name, tmp_path)
    killed(whole, tmp_path, seed=1)
    full_disk(whole, tmp_path, seed=1)

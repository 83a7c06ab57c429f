"""A few of the commands of `make torture`: killed at moments that a seed draws, or on a full disk, then run again."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.torture import MAINTENANCE, Whole, full_disk, killed, undisturbed


@pytest.mark.parametrize(
    ("name", "torment"), [("grid", killed), ("halving", killed), ("failing", killed), ("saving", full_disk)]
)
def test_the_same_command_finishes_the_job(
    name: str, torment: Callable[[Whole, Path, int], None], tmp_path: Path
) -> None:
    torment(undisturbed(name, tmp_path), tmp_path, 1)


@pytest.mark.parametrize("torment", MAINTENANCE, ids=lambda torment: torment.__name__)
def test_a_command_that_was_killed_is_run_again(torment: Callable[[Whole, Path, int], None], tmp_path: Path) -> None:
    torment(undisturbed("failing", tmp_path), tmp_path, 1)

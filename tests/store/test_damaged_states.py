"""Checkpoints count only if they are whole and of the trial that they are named after."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mlpctl.store.checkpoints import Checkpoint, Checkpoints


def flipped(content: bytes) -> bytes:
    """Return the content with its last bit changed."""
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize("damage", [lambda _: b"", lambda c: c[:40], lambda c: c[:-1], flipped])
def test_a_damaged_state_does_not_count(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    """An empty, short or changed file is as good as none."""
    states, noted = Checkpoints(tmp_path), list[str]()
    states.keep("a", "kernel", Checkpoint(3, {"0.weight": np.ones(4)}, {"epoch": [1]}))
    found = states.find("a", "kernel", 9, noted.append)
    assert found is not None
    assert (found.epochs, found.curve, found.state["0.weight"].tolist()) == (3, {"epoch": [1]}, [1.0] * 4)
    states.file("a").write_bytes(damage(states.file("a").read_bytes()))
    assert not noted
    assert states.find("a", "kernel", 9, noted.append) is None
    assert len(noted) == 1


def test_a_state_of_another_trial_does_not_count(tmp_path: Path) -> None:
    """Two files that were swapped are as good as none."""
    states, noted = Checkpoints(tmp_path), list[str]()
    for name in "ab":
        states.keep(name, "kernel", Checkpoint(3, {"0.weight": np.ones(4)}, {}))
    states.file("a").rename(states.file("c"))
    states.file("b").rename(states.file("a"))
    assert states.find("a", "kernel", 9, noted.append) is None
    assert len(noted) == 1

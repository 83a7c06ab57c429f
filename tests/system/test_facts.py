"""Facts about the machine, against psutil and lines of nvidia-smi."""

from pathlib import Path

import numpy as np
import psutil
import pytest

from mlpctl.system import facts
from mlpctl.system.facts import nvidia_smi, parse_nvidia_smi


def test_versions_and_memory_are_those_that_the_libraries_tell() -> None:
    assert facts.library_version("numpy") == np.__version__
    assert facts.library_version("nobody-has-this") is None
    assert facts.memory_bytes() == psutil.virtual_memory().total


def test_what_nvidia_smi_says_is_understood(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = "NVIDIA H200, 580.95.05, 143771, 345, 3201, 1980, 700.00\nOld One, 470.1, 2048, [N/A], 800, [N/A], [N/A]\n"
    new, old = parse_nvidia_smi(said)
    assert new["name"] == "NVIDIA H200"
    assert new["max_sm_clock_hz"] == 1.98e9
    assert new["memory_bytes"] == 143771 * 2**20
    assert old["power_limit_watts"] is None
    script = tmp_path / "nvidia-smi"
    script.write_text(f"#!/bin/sh\nprintf '{said}'\n".replace("\n\n", "\n"))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert nvidia_smi() == [new, old]
    script.write_text("#!/bin/sh\nexit 9\n")
    assert nvidia_smi() == []

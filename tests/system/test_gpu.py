"""Facts of GPUs, read from the output of nvidia-smi."""

from pathlib import Path

import pytest

from mlpctl.system.gpu import nvidia_smi, parse


def test_what_nvidia_smi_says_is_understood(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = "NVIDIA H200, 580.95.05, 143771, 345, 3201, 1980, 700.00\nOld One, 470.1, 2048, [N/A], 800, [N/A], [N/A]\n"
    new, old = parse(said)
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

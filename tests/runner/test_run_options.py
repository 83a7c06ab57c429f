"""Options of a run, and the spec that is trained, from what a user gave."""

from math import inf
from pathlib import Path
from typing import Any

import pytest

from mlpctl.errors import UsageError
from mlpctl.runner.budget import Limits
from mlpctl.runner.failure_policy import IN_A_ROW
from mlpctl.runner.run_options import asked_options
from mlpctl.runner.train import asked_spec


def test_device_and_engine_say_where_to_run_and_the_rest_is_the_spec(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLPCTL_DEVICE", raising=False)
    fields, options = asked_options({"lr": "0.1", "device": "cpu", "engine": "kernel"}, jobs=3, save=True)
    assert fields == {"lr": "0.1"}
    assert (options.device, options.engine, options.jobs, options.save) == ("cpu", "kernel", 3, True)
    assert (options.limits, options.timeout, options.failures_in_a_row) == (Limits(), inf, IN_A_ROW)
    monkeypatch.setenv("MLPCTL_DEVICE", "cuda:1")
    assert asked_options({})[1].device == "cuda:1"


@pytest.mark.parametrize("given", [{"keep_going": True, "fail_fast": True}, {"timeout": 0.0}, {"budget": "soon"}])
def test_what_cannot_be_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        asked_options({}, **given)


def test_what_is_given_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[spec]\ndataset = "table"\nlr = 0.5\ndata = {path = "a.csv", target = "y"}\n')
    spec, name = asked_spec(file, {"lr": 0.1, "data.target": "z"}, None)
    assert spec == {"dataset": "table", "lr": 0.1, "data": {"path": "a.csv", "target": "z"}}
    assert name == "mine"
    assert asked_spec(file, {}, "other")[1] == "other"
    assert asked_spec(None, {"lr": 0.1}, None) == ({"lr": 0.1}, None)

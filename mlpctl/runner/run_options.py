"""Build the options of a run from what a user gave, on the command line or in Python."""

from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any

from mlpctl.errors import UsageError
from mlpctl.runner.budget import limits_of
from mlpctl.runner.experiment import given_fields, parse_settings
from mlpctl.runner.failure_policy import IN_A_ROW
from mlpctl.runner.programs import is_program, program_fields
from mlpctl.runner.types import RunOptions
from mlpctl.system.devices import asked_device, asked_jobs


def asked_options(
    given: Mapping[str, Any],
    *,
    settings: Sequence[str] = (),
    file: Path | None = None,
    jobs: int | None = None,
    eval_train: bool = False,
    eval_test: bool = False,
    max_trials: int | None = None,
    budget: str | None = None,
    timeout: float | None = None,
    keep_going: bool = False,
    fail_fast: bool = False,
    **others: Any,
) -> tuple[dict[str, Any], RunOptions]:
    """Return (the fields of Spec that were given, the options of a run).

    Of a network, device and engine are among the options: given beside a file they say where to run, not what the
    experiment is.

    Args:
        given: fields of Spec; without a device MLPCTL_DEVICE decides.
        settings: more of them, as KEY=VALUE.
        file: experiment file that is given beside them: it may say that they are those of a program.
        jobs: None for MLPCTL_JOBS or the cores.
        eval_train: score the training part too after each epoch.
        eval_test: score the test part too after each epoch.
        max_trials: in all.
        budget: as "10m" or "500e".
        timeout: seconds of a trial.
        keep_going: never stop for failures.
        fail_fast: stop at the first.
        others: fields of RunOptions.

    Raises:
        UsageError: for what cannot be.
    """
    if keep_going and fail_fast:
        raise UsageError("--keep-going and --fail-fast say the opposite: give one of them")
    if timeout is not None and not timeout > 0:
        raise UsageError(f"timeout takes seconds above 0, got {timeout:g}")
    if is_program(given, parse_settings(settings), file=file):
        fields, given = program_fields(given_fields(settings, given, program=True)), {}
    else:
        flags = {name: value for name, value in given.items() if name not in ("device", "engine")}
        fields = given_fields(settings, flags)
    return fields, RunOptions(
        device=asked_device(given.get("device")),
        engine=given.get("engine") or "auto",
        jobs=asked_jobs(jobs),
        fit_each=eval_train,
        test_each=eval_test,
        limits=limits_of(max_trials, budget),
        timeout=inf if timeout is None else timeout,
        failures_in_a_row=inf if keep_going else IN_A_ROW,
        fail_fast=fail_fast,
        **others,
    )

"""Two thousand bad experiments and command lines: a message and exit code 2, never a traceback or a damaged store."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import typer
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mlpctl import cli as command_line
from tests.helpers.bad_input import ANY_ARGUMENTS, ANY_VALUE, BAD_ARGUMENTS, BAD_EXPERIMENTS
from tests.helpers.cli import Cli, Result

EXAMPLES = int(os.environ.get("MLPCTL_EXAMPLES", "2000"))
"""In all; `make torture` asks for more."""


def examples(share: float) -> settings:
    return settings(
        max_examples=int(EXAMPLES * share),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@pytest.fixture
def kept(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    """Run commands beside a store that none of them may change."""
    monkeypatch.setattr(command_line, "app", typer.main.get_command(command_line.app))  # built once: 30 ms a command
    assert cli(*GOOD).code == 0
    before = contents()
    yield cli
    assert contents() == before


GOOD = (
    "sweep",
    "--dataset",
    "gates",
    "--epochs",
    "1",
    "--select-on",
    "train",
    "--axis",
    "lr=0.1,0.2",
    "-q",
    "--name",
    "kept",
)


def contents() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path("results").rglob("*") if path.is_file()}


def check_message(done: Result, codes: Sequence[int], what: object) -> None:
    assert done.code in codes, (what, done)
    assert "Traceback" not in done.err, (what, done.err)
    if done.code:
        assert done.err.strip(), what


@examples(0.5)
@given(text=BAD_EXPERIMENTS)
def test_a_bad_experiment_is_refused_with_a_message(kept: Cli, text: str) -> None:
    Path("bad.toml").write_text(text, "utf-8")
    done = kept("sweep", "bad.toml", "-q")
    check_message(done, [2], text)
    assert all(line.startswith("error: ") for line in done.err.splitlines()), done.err


@examples(0.3)
@given(arguments=BAD_ARGUMENTS)
def test_a_bad_command_line_is_refused_with_a_message(kept: Cli, arguments: tuple[str, ...]) -> None:
    check_message(kept(*arguments), [2], arguments)


@examples(0.15)
@given(options=ANY_ARGUMENTS)
def test_any_command_line_is_understood_or_refused(kept: Cli, options: list[tuple[str, str]]) -> None:
    given_ = [f"{name}={text}" for name, text in options]
    done = kept("sweep", "--dataset", "gates", "--select-on", "train", *given_, "--epochs", "1", "--dry-run")
    check_message(done, [0, 2, 4, 5], given_)


@examples(0.05)
@example(content={"list": "\x00"})
@example(content={"axes": {"lr": {"lin": [0, 1], "count": 10**12}}})
@given(
    content=st.dictionaries(
        st.sampled_from(["name", "spec", "axes", "zip", "seeds", "search", "select", "list"]), ANY_VALUE
    )
)
def test_any_file_is_understood_or_refused(kept: Cli, content: dict[str, object]) -> None:
    import tomli_w

    try:
        text = tomli_w.dumps(content)
    except TypeError:  # None is no value of TOML
        return
    Path("any.toml").write_text(text, "utf-8")
    done = kept("sweep", "any.toml", "--dataset", "gates", "--select-on", "train", "--epochs", "1", "--dry-run")
    check_message(done, [0, 2, 4, 5], text)

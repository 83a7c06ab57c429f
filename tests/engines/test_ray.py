"""`mlpctl sweep --cluster` on a real Ray cluster of two nodes: the bits of the local run, whatever dies meanwhile."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import psutil
import pytest
from safetensors.numpy import load_file

from mlpctl.store.results import load
from tests.helpers import system_parts
from tests.helpers.cli import Cli

ROOT = Path(__file__).parents[2]
PATIENCE = 300.0
"""Seconds for what takes a few on an idle machine, and compiling the kernel on a busy one."""


@dataclass
class TwoNodes:
    """A cluster: where it is, its second node, and the folder in which drivers run."""

    address: str
    raylet: int
    folder: Path
    environment: dict[str, str]

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a driver in the folder."""
        command = [sys.executable, "-m", "mlpctl", *arguments]
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a driver to its end and return what it wrote on stderr."""
        process = self.start(*arguments)
        out, err = ended(process)
        assert process.returncode == code, out + err
        return err


def ended(process: "subprocess.Popen[str]") -> tuple[str, str]:
    try:
        return process.communicate(timeout=PATIENCE)
    finally:
        process.kill()


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoNodes]:
    """Start two nodes that listen on loopback alone and ask for a token; end them whatever happens."""
    if sys.platform == "linux":
        system_parts.require("shared-memory")
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # else Ray takes 127.0.0.1 for the machine's outer address
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_gcs_server_port_wait_time_s": "120",
    }
    printed = tmp_path_factory.mktemp("ray") / "printed.txt"
    with printed.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.helpers.two_nodes"], cwd=ROOT, env=environment, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True,
        )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()  # ends with the process at the latest
        assert line, f"the cluster did not start; its process printed:\n{printed.read_text()}"
        address, raylet = line.split()
        yield TwoNodes(address, int(raylet), tmp_path_factory.mktemp("driver"), environment)
    finally:
        try:
            process.communicate(timeout=PATIENCE)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def tables(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the trials and the epochs of a results folder, time columns aside."""
    results = load(folder)
    trials = results.trials.drop(columns=["seconds", "group_seconds", "started", "jobs", "environment", "folder"])
    epochs = results.epochs.drop(columns="seconds")
    return trials.sort_values("key", ignore_index=True), epochs.sort_values(["key", "epoch"], ignore_index=True)


def check_equal(local: Path, far: Path, trials: int) -> None:
    """Check that the cluster wrote what this machine did, bit for bit and nothing twice, in so many rows."""
    for expected, found in zip(tables(local), tables(far), strict=True):
        pd.testing.assert_frame_equal(expected, found, check_exact=True)
    assert rows(far / "trials.csv") == load(far).trials["key"].nunique() == trials
    assert rows(far / "epochs.csv") == rows(local / "epochs.csv")


def rows(path: Path) -> int:
    return max(path.read_bytes().count(b"\n") - 1, 0) if path.is_file() else 0


def trains(raylet: int) -> bool:
    """Return whether a process of a node is at a task: Ray names it so."""
    for process in psutil.Process(raylet).children():
        with suppress(psutil.NoSuchProcess):
            if process.cmdline()[:1] == ["ray::train_task"]:
                return True
    return False


def test_survivors_weights_and_files_that_only_the_driver_can_find(nodes: TwoNodes) -> None:
    """Halving over a table of the driver's, started from weights of the driver's."""
    table = pd.DataFrame({"a": range(40), "b": [i * 7 % 11 for i in range(40)]})
    table["sort"] = (table["a"] + table["b"] > 25).map({True: "much", False: "little"})
    table.to_csv(nodes.folder / "mine.csv", index=False)
    data = ("--dataset", "table", "--set", "data.path=mine.csv", "--set", "data.target=sort")
    nodes.run("train", *data, "--epochs", "1", "--seed", "7", "--save", "--name", "start", "-q")
    sweep = (
        "sweep", *data, "--search", "halving", "--trials", "9", "--axis", "lr=log:1e-3:1", "--epochs", "9",
        "--optimizer", "adam", "--init-from", "results/start", "--engine", "kernel", "--save", "-q", "--name",
    )  # fmt: skip
    nodes.run(*sweep, "local")
    nodes.run(*sweep, "far", "--cluster", nodes.address)
    local, far = nodes.folder / "results" / "local", nodes.folder / "results" / "far"
    check_equal(local, far, 13)
    saved = sorted(path.name for path in (local / "weights").iterdir())
    assert saved == sorted(path.name for path in (far / "weights").iterdir())
    for name in saved:
        ours, theirs = load_file(local / "weights" / name), load_file(far / "weights" / name)
        assert all((array == theirs[part]).all() for part, array in ours.items())


LONG = (
    "sweep", "--dataset", "iris", "--axis", "lr=log:1e-3:1:16", "--seeds", "2", "--hidden-units", "32",
    "--epochs", "1000", "--batch-size", "1", "--engine", "kernel",
)  # fmt: skip
"""32 trials, of which a task has a few."""


@pytest.fixture(scope="module")
def whole(nodes: TwoNodes) -> Path:
    """Return the results of LONG on this machine."""
    nodes.run(*LONG, "--name", "whole", "-q")
    return nodes.folder / "results" / "whole"


def test_the_driver_dies_and_the_same_command_goes_on(nodes: TwoNodes, whole: Path) -> None:
    far = nodes.folder / "results" / "driver"
    sweep = (*LONG, "-q", "--cluster", nodes.address, "--name", "driver")
    driver = nodes.start(*sweep)
    wait_for(lambda: rows(far / "trials.csv") > 2, "no trial was trained")
    driver.kill()
    ended(driver)
    assert 2 < rows(far / "trials.csv") < 32
    nodes.run(*sweep)
    check_equal(whole, far, 32)


def test_trials_that_take_too_long(nodes: TwoNodes) -> None:
    """Of three the one with a million epochs."""
    sweep = ("sweep", "--dataset", "iris", "--axis", "epochs=1,2,1000000", "--lr-schedule", "cosine", "--timeout", "2")
    nodes.run(*sweep, "--engine", "kernel", "--cluster", nodes.address, "--name", "late", "-q", code=3)
    trials = load(nodes.folder / "results" / "late").trials.set_index("epochs")
    assert trials["status"].to_dict() == {1: "ok", 2: "ok", 1_000_000: "timeout"}
    assert trials["epochs_done"][1_000_000] < 1_000_000


def test_no_node_has_two_cpus(nodes: TwoNodes) -> None:
    sweep = ("sweep", "--dataset", "iris", "--axis", "lr=0.1,1", "--engine", "reference", "--threads", "2")
    assert "no node of the cluster has 2 CPUs" in nodes.run(*sweep, "--cluster", nodes.address, code=5)


def test_no_node_has_a_gpu(nodes: TwoNodes) -> None:
    sweep = ("sweep", "--dataset", "iris", "--axis", "lr=0.1,1", "--device", "cuda", "--cluster", nodes.address)
    said = "no node of the cluster has 1 CPU and a GPU, which a trial takes; all together: 2 nodes, 2 CPUs, 0 GPUs"
    assert nodes.run(*sweep, code=5) == f"error: {said}\n"  # and nothing of Ray's own


def test_a_node_dies_and_nothing_is_lost_or_twice(nodes: TwoNodes, whole: Path) -> None:
    """The last one here: the cluster has one node afterwards."""
    far = nodes.folder / "results" / "node"
    driver = nodes.start(*LONG, "-q", "--cluster", nodes.address, "--name", "node")
    # before anything else is waited for: all may be over soon
    wait_for(lambda: trains(nodes.raylet), "no trial was in training on the second node")
    os.kill(nodes.raylet, signal.SIGKILL)
    assert rows(far / "trials.csv") < 32
    out, err = ended(driver)
    assert driver.returncode == 0, out + err
    check_equal(whole, far, 32)


def test_nobody_answers(cli: Cli) -> None:
    done = cli("sweep", "--dataset", "iris", "--axis", "lr=0.1,1", "--cluster", "127.0.0.1:1")
    assert done.code == 5
    assert done.err.startswith("error: no cluster answers at 127.0.0.1:1: Connection refused; `ray start --head`")
    assert not Path("results").exists()


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", None])
def test_somebody_else_answers(cli: Cli, monkeypatch: pytest.MonkeyPatch, says: bytes | None) -> None:
    """One that hangs up, one that speaks another language, one that says nothing."""
    monkeypatch.setattr("mlpctl.engines.distributed.cluster.CONNECT_SECONDS", 0.5)

    def answer() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(1000)
            if says is None:
                over.wait(PATIENCE)
            else:
                connection.sendall(says)

    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer)
        thread.start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        done = cli("sweep", "--dataset", "iris", "--axis", "lr=0.1,1", "--cluster", address)
        over.set()
        thread.join()
    assert done.code == 5
    assert done.err.startswith(f"error: what answers at {address} is not Ray's head, whose port is 6379 by default; ")
    assert done.err.count("\n") == 1
    assert not Path("results").exists()


@pytest.mark.parametrize("address", ["ray://127.0.0.1:1", "127.0.0.1", "local", "here:0", "here:70000"])
def test_what_is_no_address(cli: Cli, address: str) -> None:
    done = cli("sweep", "--dataset", "iris", "--axis", "lr=0.1,1", "--cluster", address)
    assert done.code == 2
    assert done.err == f"error: --cluster is HOST:PORT, as 10.0.0.1:6379, or auto; got '{address}'\n"


def test_ray_is_not_installed(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    done = cli("sweep", "--dataset", "iris", "--axis", "lr=0.1,1", "--cluster", "auto")
    assert done.code == 2
    assert done.err == "error: --cluster needs Ray: pip install 'mlpctl[cluster]', here and on every node\n"

"""The live page: to this machine alone, read only, following a sweep without losing what a reader chose."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
from playwright.sync_api import expect

from mlpctl.report.page.serve import MOST_REQUESTS, LivePage, bound, status_text
from mlpctl.report.page.write import PageOptions
from tests.helpers.browser import launched, opened
from tests.helpers.cli import Cli
from tests.helpers.synthetic import known, write

expect.set_options(timeout=60_000)  # on a busy machine


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """Yield the port of the live page of a folder."""
    server = bound(LivePage([folder], PageOptions()), 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def ask(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    content = answer.read().decode()
    connection.close()
    return answer.status, content


def test_it_answers_this_machine_alone_and_only_reads(tmp_path: Path) -> None:
    folder = known(tmp_path / "r")
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()}
    with served(folder) as port:
        code, page = ask(port, "/")
        assert (code, page.startswith("<!doctype html>")) == (200, True)
        assert ask(port, "/", "HEAD") == (200, "")
        assert ask(port, "/", Host=f"localhost:{port}")[0] == 200
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "", "[::1"):
            assert ask(port, "/", Host=host)[0] == 403, host
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
            assert ask(port, "/", method)[0] == 501
        for path in ("/trials.csv", "/../r/trials.csv", "/%2e%2e/etc/passwd", "/mainx"):
            assert ask(port, path)[0] == 404
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()} == before


def test_a_sweep_without_a_finished_trial_has_a_page(tmp_path: Path) -> None:
    with served(write(tmp_path / "r", [])) as port:
        code, page = ask(port, "/")
        assert code == 200
        assert "No trial is done yet" in page


def test_it_says_how_far_the_sweep_is() -> None:
    assert status_text(0, 27, 3) == "No trial is done."
    assert status_text(27, 27, 1e9) == "The sweep is finished: 27 of 27 trials."
    assert status_text(12, 27, 3) == "The sweep is running: 12 of 27 trials. This page follows it."
    assert status_text(12, 27, 400).startswith("Nothing new for 6 minutes: 12 of 27 trials.")
    assert status_text(1200, None, 7300).startswith("Nothing new for 2 hours: 1,200 trials.")


@pytest.mark.needs("chromium")
def test_it_follows_a_sweep_and_keeps_what_the_reader_chose(tmp_path: Path) -> None:
    experiment = {"spec": {"dataset": "iris"}, "axes": {"lr": [0.1, 0.2, 0.3, 0.4]}, "seeds": [0, 1]}
    rows = [{"lr": lr, "seed": seed, "val_accuracy": lr + seed / 50} for lr in (0.1, 0.2, 0.3, 0.4) for seed in (0, 1)]
    folder = tmp_path / "r"
    with served(folder) as port, launched() as browser, opened(browser, f"http://127.0.0.1:{port}/") as one:
        page = one.page
        assert "no results in" in page.locator("main").inner_text()
        write(folder, rows[:4], experiment=experiment)
        expect(page.locator("#status")).to_have_text("The sweep is running: 4 of 8 trials. This page follows it.")
        expect(page.locator(".headline").first).to_have_text("lr 0.2")

        page.locator("#part-0-trials-filters summary").click()
        page.locator("#part-0-trials-pick-seed").select_option("1")
        page.locator("#part-0-trials thead button", has_text="lr").click()
        page.locator("#part-0-trials-search").fill("ok")
        there = page.evaluate("scrollTo({top: 900, behavior: 'instant'}), scrollY")
        assert there > 0
        plot = page.locator("#part-0-effect-0 .plot").element_handle()

        write(folder, [{"key": f"new{number}", **row} for number, row in enumerate(rows[4:])], experiment=experiment)
        expect(page.locator("#status")).to_have_text("The sweep is finished: 8 of 8 trials.")
        expect(page.locator(".headline").first).to_have_text("lr 0.4")
        expect(page.locator("#part-0-trials-pager")).to_contain_text("1–4 of 4, picked from 8")
        assert page.locator("#part-0-trials tbody tr > :nth-child(2)").all_inner_texts() == [
            "0.1",
            "0.2",
            "0.3",
            "0.4",
        ]
        assert page.locator("#part-0-trials th[aria-sort]").get_attribute("aria-sort") == "ascending"
        assert page.evaluate("document.activeElement.id") == "part-0-trials-search"
        assert page.evaluate("scrollY") == pytest.approx(there, abs=200)
        assert plot.evaluate("node => node.isConnected")  # redrawn in its place


def test_ctrl_c_ends_it(tmp_path: Path) -> None:
    known(tmp_path / "r")
    command = [sys.executable, "-m", "mlpctl", "report", "r", "--serve", "--port", "0"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ},
    )  # fmt: skip
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    assert address.startswith("http://127.0.0.1:")
    assert ask(int(address.rstrip("/").rpartition(":")[2]), "/status")[0] == 200
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in err) == (0, False)


def test_a_port_in_use_and_options_of_tables_are_one_line(cli: Cli, tmp_path: Path) -> None:
    known(tmp_path / "r")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = cli("report", "r", "--serve", "--port", port)
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert f"port {port} is in use: give another --port" in done.err
    done = cli("report", "r", "--serve", "--by", "lr", "--format", "md")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "leave out --by, --format" in done.err
    assert "give both" in cli("report", "r", "--port", 1).err


def test_a_newer_or_damaged_table_is_told_and_the_page_goes_on(tmp_path: Path) -> None:
    folder = known(tmp_path / "r")
    path = folder / "trials.csv"
    good = path.read_bytes()
    with served(folder) as port:
        assert ask(port, "/status")[0] == 200
        first, row, *rows = good.split(b"\n")
        for bad in (b"\n".join([first, b"9" + row[1:], *rows]), b"\n".join([first, row + b",x", *rows]), b"lr,score\n"):
            path.write_bytes(bad)
            for address in ("/", "/main", "/status"):
                assert ask(port, address)[0] == 200, (bad[:40], address)
        path.write_bytes(good)
        assert "trials" in ask(port, "/status")[1]


def test_connections_are_limited(tmp_path: Path) -> None:
    with served(known(tmp_path / "r")) as port, ExitStack() as stack:

        def connected() -> socket.socket:
            return stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))

        for _ in range(MOST_REQUESTS):
            connected().sendall(b"GET / HTTP/1.1\r\n")  # and no more
        assert connected().recv(1) == b""  # closed without an answer

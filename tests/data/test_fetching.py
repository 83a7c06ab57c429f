"""Getting files: real servers on loopback that answer, drip, stay silent or lie; a real process in place of apt-get."""

import gzip
import hashlib
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mlpctl.data import fetching, files
from mlpctl.data.fetching import Patience, fetch
from mlpctl.data.files import INSTALLED, Published
from mlpctl.errors import DataError, UsageError

CONTENT = {"first": b"one" * 1000, "second": b"two" * 1000}
SUMS = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}
ZIPPED = {f"/{name}.gz": gzip.compress(content) for name, content in CONTENT.items()}
OK = b"HTTP/1.0 200 OK\r\n\r\n"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Leave no source but a refusing mirror: no file here, no apt; return the folder of what is on PATH."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("MLPCTL_DATA_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("MLPCTL_MIRROR", raising=False)
    monkeypatch.delenv("MLPCTL_OFFLINE", raising=False)
    monkeypatch.setattr(files, "DEBIAN", tmp_path / "debian")
    return programs


def tiny(*mirrors: str) -> Published:
    return Published("tiny", SUMS, mirrors or ("http://127.0.0.1:9",))  # the discard port: refused at once


def cached() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in tiny().cache.iterdir()} if tiny().cache.is_dir() else {}


class Server:
    """A server on loopback that lets a function answer each request.

    Attributes:
        asked: paths of the requests.
        left: set when a client has gone before it was answered in full.
    """

    def __init__(self, answer: Callable[[socket.socket, str], None]) -> None:
        self.answer, self.asked = answer, list[str]()
        self.left, self.ended = threading.Event(), threading.Event()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            client, _ = self.listening.accept()
            with client:
                request = client.recv(4096)
                if self.ended.is_set():
                    return
                self.asked.append(request.split()[1].decode())
                try:
                    self.answer(client, self.asked[-1])
                except ConnectionError:
                    self.left.set()

    def close(self) -> None:
        self.ended.set()
        with socket.create_connection(self.listening.getsockname()) as last:
            last.send(b"end")
        self.thread.join()
        self.listening.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(answer: Callable[[socket.socket, str], None]) -> Server:
        servers.append(Server(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def right(client: socket.socket, path: str) -> None:
    client.sendall(OK + ZIPPED[path])


def silent(client: socket.socket, _path: str) -> None:
    if client.recv(1) == b"":  # waits until the client goes
        raise ConnectionResetError


def dripping(start: bytes) -> Callable[[socket.socket, str], None]:
    def drip(client: socket.socket, _path: str) -> None:
        client.sendall(start)
        while not threading.Event().wait(0.1):
            client.sendall(b"a")

    return drip


def wrong(client: socket.socket, _path: str) -> None:
    client.sendall(OK + b"<html>log in first</html>")


def absent(client: socket.socket, _path: str) -> None:
    client.sendall(b"HTTP/1.0 404 Not Found\r\n\r\n")


def half(client: socket.socket, path: str) -> None:
    client.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 1000\r\n\r\n" + ZIPPED[path][:20])


def endless(client: socket.socket, _path: str) -> None:
    client.sendall(OK)
    while True:
        client.sendall(b"a" * (1 << 20))


def test_a_mirror_that_is_right_is_asked_once(serve: Callable[..., Server]) -> None:
    server, other = serve(right), serve(right)
    first, again = fetch(tiny(server.address, other.address)), fetch(tiny(server.address, other.address))
    assert cached() == CONTENT
    assert (server.asked, other.asked) == (list(ZIPPED), [])
    assert first == [f"{tiny().cache / name}: from {server.address[7:]}" for name in CONTENT]
    assert again == [f"{tiny().cache / name}: already there" for name in CONTENT]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (silent, "no answer"),
        (dripping(b""), "no answer"),
        (dripping(b"HTTP/1.0 200 OK\r\nX: "), "no answer"),
        (dripping(OK), "too slow"),
        (wrong, "wrong first.gz: altered or truncated"),
        (half, "wrong first.gz: altered or truncated"),
        (absent, "HTTP Error 404: Not Found"),
        (endless, "more than 64 MiB"),
    ],
)
def test_a_mirror_that_fails_is_given_up_and_the_next_one_asked(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, answer: Callable[..., None], said: str
) -> None:
    monkeypatch.setattr(fetching, "SILENCE_SECONDS", 2.0)
    bad, good = serve(answer), serve(right)
    with pytest.raises(DataError) as error:
        fetch(tiny(bad.address))
    assert f"{bad.address[7:]} ({said})" in str(error.value)
    assert cached() == {}
    if answer in (silent, endless) or said == "too slow":
        assert bad.left.wait(60)
    fetch(tiny(bad.address, good.address))
    assert cached() == CONTENT


def test_what_one_mirror_had_is_not_asked_of_the_next(serve: Callable[..., Server]) -> None:
    def only_first(client: socket.socket, path: str) -> None:
        (right if path == "/first.gz" else absent)(client, path)

    some, all_ = serve(only_first), serve(right)
    lines = fetch(tiny(some.address, all_.address))
    assert all_.asked == ["/second.gz"]
    assert [line.rpartition(" ")[2] for line in lines] == [some.address[7:], all_.address[7:]]


def test_silence_is_paid_for_out_of_one_purse_whatever_the_number_of_sources(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given: list[float] = []

    def source(share: float) -> fetching.Fill:
        def fill(folder: Path, _files: list[str], patience: Patience) -> tuple[Path, str | None]:
            given.append(patience.given)
            patience.wait(share * patience.given, 0)
            return folder, "no answer"

        return fill

    for shares in ([1.0] * 2, [1.0] * 5, [0.0, 1.0, 1.0], [0.5, 0.0, 1.0, 1.0]):
        given.clear()
        monkeypatch.setattr(fetching, "_sources", lambda _, all_=shares: [(f"{k}", source(k)) for k in all_])
        with pytest.raises(DataError, match="no answer"):
            fetch(tiny())
        assert sum(a * b for a, b in zip(given, shares, strict=True)) == pytest.approx(fetching.SILENCE_SECONDS)
    assert fetching.SILENCE_SECONDS < 10
    assert fetching.SILENCE_SECONDS * fetching.CREDIT < 30


def test_patience_is_for_silence_and_not_for_what_comes() -> None:
    steady = Patience(2.0)
    for _ in range(10_000):
        steady.wait(1.0, int(fetching.RATE))
    assert steady.spent == 0
    burst = Patience(2.0)
    burst.wait(1.0, 1 << 30)
    waited = 0
    while burst.left > 0:
        burst.wait(1.0, 1)
        waited += 1
    assert waited == 2.0 * fetching.CREDIT + 1  # the bytes that drip are worth something, if little
    assert burst.spent == 2.0


def script(folder: Path, lines: str) -> Path:
    """Put an apt-get into a folder on PATH that notes its arguments and then runs some lines; return the notes."""
    notes = folder / "notes"
    program = folder / "apt-get"
    program.write_text(f'#!/bin/sh\necho "$@" >> {notes}\n{lines}\n')
    program.chmod(0o755)
    return notes


@pytest.fixture
def apt(bare: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Path]:
    """Return what sets up apt-get as some shell lines, which can copy $PACKAGE, a real package of the files."""
    monkeypatch.setenv("PATH", f"{bare}:/usr/bin:/bin")  # dpkg-deb, tar
    tree = tmp_path / "tree"
    folder = tree / INSTALLED / "tiny"
    folder.mkdir(parents=True)
    for path, zipped in ZIPPED.items():
        (folder / path.strip("/")).write_bytes(zipped)
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN" / "control").write_text(
        "Package: dataset-tiny\nVersion: 1\nArchitecture: all\nMaintainer: T <t@example.org>\nDescription: tiny\n"
    )
    package = tmp_path / "dataset-tiny_1_all.deb"
    subprocess.run(["dpkg-deb", "--build", tree, package], check=True, capture_output=True)
    monkeypatch.setenv("PACKAGE", str(package))
    return lambda lines: script(bare, lines)


def test_the_package_is_unpacked_and_not_installed(apt: Callable[[str], Path]) -> None:
    notes = apt('cp "$PACKAGE" .')
    assert fetch(tiny()) == [f"{tiny().cache / name}: from apt-get" for name in CONTENT]
    assert cached() == CONTENT
    [call] = notes.read_text().splitlines()
    assert call.endswith("download dataset-tiny")
    assert "Dir::" not in call


def test_without_lists_of_packages_apt_gets_its_own_in_a_folder_that_is_removed(apt: Callable[[str], Path]) -> None:
    notes = apt(
        'case "$*" in *Lists*download*) cp "$PACKAGE" .;; *) echo "E: Unable to locate package"; exit 100;; esac'
    )
    fetch(tiny())
    assert cached() == CONTENT
    calls = [line.split() for line in notes.read_text().splitlines()]
    verbs = [next(word for word in call if word in ("download", "update", "install")) for call in calls]
    assert verbs == ["download", "update", "download"]
    lists = {word.partition("=")[2] for call in calls for word in call if word.startswith("Dir::State::Lists=")}
    assert len(lists) == 1
    assert not Path(lists.pop()).parent.exists()


def test_apt_that_fails_is_told_and_the_mirrors_are_asked(
    apt: Callable[[str], Path], serve: Callable[..., Server]
) -> None:
    apt('echo "E: Unable to locate package dataset-tiny" >&2; exit 100')
    with pytest.raises(DataError, match=r"apt-get \(E: Unable to locate package dataset-tiny\)"):
        fetch(tiny())
    fetch(tiny(serve(right).address))
    assert cached() == CONTENT


def test_a_package_of_wrong_files_is_not_believed(apt: Callable[[str], Path]) -> None:
    apt('cp "$PACKAGE" .')
    other = Published("tiny", {"first": "0" * 64, "second": SUMS["second"]}, ("http://127.0.0.1:9",))
    with pytest.raises(DataError, match=r"apt-get \(wrong first.gz"):
        fetch(other)
    assert cached() == {"second": CONTENT["second"]}


def test_apt_that_hangs_is_ended_with_its_children_and_the_mirrors_are_asked(
    apt: Callable[[str], Path], serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(fetching, "SILENCE_SECONDS", 4.0)
    apt(f"sleep 600 & echo $$ $! > {tmp_path / 'processes'}; wait")
    fetch(tiny(serve(right).address))
    assert cached() == CONTENT
    parent, child = map(int, (tmp_path / "processes").read_text().split())
    with pytest.raises(ProcessLookupError):
        os.kill(parent, 0)
    state = Path(f"/proc/{child}/stat")  # it is init's now, which may not have looked at it yet
    assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


def test_offline_asks_neither_apt_nor_a_mirror(
    apt: Callable[[str], Path], serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLPCTL_OFFLINE", "1")
    notes, server = apt('cp "$PACKAGE" .'), serve(right)
    with pytest.raises(DataError, match=r"apt and mirrors \(not asked: offline\)"):
        fetch(tiny(server.address))
    assert server.asked == []
    assert not notes.exists()


def test_debians_folder_comes_before_apt(apt: Callable[[str], Path], tmp_path: Path) -> None:
    notes = apt('cp "$PACKAGE" .')
    shutil.copytree(tmp_path / "tree" / INSTALLED, tmp_path / "debian")
    assert fetch(tiny()) == [f"{tiny().cache / name}: from {tmp_path / 'debian' / 'tiny'}" for name in CONTENT]
    assert not notes.exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_a_folder_is_copied_from_and_nothing_else_is_asked(
    serve: Callable[..., Server], tmp_path: Path, zipped: bool
) -> None:
    server = serve(right)
    for name, content in CONTENT.items():
        (tmp_path / (f"{name}.gz" if zipped else name)).write_bytes(ZIPPED[f"/{name}.gz"] if zipped else content)
    fetch(tiny(server.address), tmp_path)
    assert cached() == CONTENT
    assert server.asked == []


def test_a_folder_without_the_files_is_refused_in_few_short_lines(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve(right)
    (tmp_path / "first").write_bytes(b"something else")
    with pytest.raises(DataError) as error:
        fetch(tiny(server.address), tmp_path)
    assert str(error.value).splitlines() == [
        f"{tmp_path} does not have the files of tiny",
        f"  tried: {tmp_path} (wrong first: altered or truncated)",
        "  needed: first, second, each as it is or as .gz",
        f"  copy them to {tiny().cache}, or type: mlpctl data fetch tiny --from FOLDER",
    ]
    assert server.asked == []


@pytest.mark.parametrize("damage", [b"damage", gzip.compress(CONTENT["second"])[:-9]], ids=["foreign", "cut"])
def test_damage_in_the_cache_is_mended(serve: Callable[..., Server], damage: bytes) -> None:
    server = serve(right)
    fetch(tiny(server.address))
    (tiny().cache / "second").write_bytes(damage)
    fetch(tiny(server.address))
    assert cached() == CONTENT
    assert server.asked == [*ZIPPED, "/second.gz"]


def test_a_cache_that_cannot_be_written_is_an_error(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MLPCTL_DATA_DIR", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"cannot write .*MLPCTL_DATA_DIR"):
        fetch(tiny(serve(right).address))


def test_a_mirror_must_be_a_web_address(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tiny("https://a.example").addresses() == ("https://a.example",)
    monkeypatch.setenv("MLPCTL_MIRROR", "http://b.example/")
    assert tiny().addresses() == ("http://b.example",)
    monkeypatch.setenv("MLPCTL_MIRROR", "file:///etc")
    with pytest.raises(UsageError, match="must begin with https:// or http://, got 'file:///etc'"):
        fetch(tiny())


def test_a_port_that_refuses_is_told() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(DataError, match=rf"127.0.0.1:{port} \(Connection refused\)"):
        fetch(tiny(f"http://127.0.0.1:{port}"))


def test_what_the_user_has_copied_into_the_cache_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLPCTL_OFFLINE", "1")
    tiny().cache.mkdir(parents=True)
    for path, zipped in ZIPPED.items():
        (tiny().cache / path.strip("/")).write_bytes(zipped)
    fetch(tiny())
    assert {name: cached()[name] for name in CONTENT} == CONTENT

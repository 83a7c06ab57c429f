"""The page while a sweep runs: served to this machine alone, read from the results folders, never writing to them."""

import errno
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import Any

from mlpctl.errors import MlpctlError, UsageError
from mlpctl.report.page.write import PageOptions, main_of, page, waiting
from mlpctl.report.watch import table_versions, trials_finished

LOOPBACK = "127.0.0.1"
NAMES = (LOOPBACK, "localhost")
"""Names by which a browser may ask: any other is of a page elsewhere that has its name point here (DNS rebinding)."""

PORT = 8420
QUIET_AFTER = 120.0
"""Seconds without a change after which a sweep that is not done is no longer said to run."""

MOST_REQUESTS, SECONDS_TO_WAIT = 16, 1.0
"""Requests answered at a time, each in a thread; how long a further one waits before its connection is closed."""

HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}


@dataclass
class LivePage:
    """The page of results folders as they are now; each state of them is summed up once, whoever asks.

    Attributes:
        folders: results folders, which may not be there yet.
        options: options of the page.
    """

    folders: Sequence[Path]
    options: PageOptions
    _seen: object = None
    _done: int = 0
    _wanted: int | None = None
    _hindrance: str = ""
    _main: dict[str, str] = field(default_factory=dict)
    _reading: Lock = field(default_factory=Lock)

    def status(self) -> dict[str, str]:
        """Return the version of the results, which changes when they do, and how far the sweep is, in words."""
        with self._reading:
            return self._look()

    def main(self) -> str:
        """Return the main part of the page; what hinders it, where there is nothing to show."""
        with self._reading:
            now = self._look()
            if now["version"] not in self._main:
                self._main = {now["version"]: self._content(now)}
            return self._main[now["version"]]

    def _look(self) -> dict[str, str]:
        seen = table_versions(self.folders)
        if seen != self._seen:
            self._seen, self._hindrance = seen, ""
            try:
                self._done, self._wanted = trials_finished(self.folders)
            except MlpctlError as error:  # a row is damaged, or of a newer mlpctl
                self._hindrance = str(error)
        changed = max((change[0] for change in seen if change), default=0) / 1e9
        version = sha256(repr(seen).encode()).hexdigest()[:16]
        told = self._hindrance or status_text(self._done, self._wanted, time.time() - changed)
        return {"version": version, "status": told}

    def _content(self, now: dict[str, str]) -> str:
        try:
            return main_of(self.folders, self.options, now)
        except MlpctlError as error:
            return waiting(f"{error}. This page looks again by itself.", now)


def status_text(done: int, wanted: int | None, age: float) -> str:
    """Return how far a sweep is, in words.

    Args:
        done: trials that need not run again.
        wanted: trials of the experiment; None where nothing says it.
        age: seconds since the last change.
    """
    if not done:
        return "No trial is done."
    count = f"{done:,} trials" if wanted is None else f"{done:,} of {wanted:,} trials"
    if wanted is not None and done >= wanted:
        return f"The sweep is finished: {count}."
    if age <= QUIET_AFTER:
        return f"The sweep is running: {count}. This page follows it."
    minutes = int(age // 60)
    since = f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours"
    return f"Nothing new for {since}: {count}. A sweep that has ended goes on with the command that began it."


def serve_page(folders: Sequence[Path], options: PageOptions, port: int, ready: Callable[[str], None]) -> None:
    """Serve the page until Ctrl-C.

    Args:
        folders: results folders.
        options: options of the page.
        port: of the loopback interface; 0 takes one that is free.
        ready: called with the address, once it answers.

    Raises:
        UsageError: if the port cannot be had.
    """
    server = bound(LivePage(folders, options), port)
    try:
        ready(f"http://{LOOPBACK}:{server.server_port}/")
        server.serve_forever(poll_interval=0.2)
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()


def bound(live: LivePage, port: int) -> ThreadingHTTPServer:
    """Return the server of a page, bound to loopback and not yet running.

    Raises:
        UsageError: if the port cannot be had.
    """
    try:
        return _Server((LOOPBACK, port), _handler(live))
    except OSError as error:
        why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be had ({error.strerror})"
        raise UsageError(f"port {port} {why}: give another --port, or --port 0 for any that is free") from error


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # a browser that holds a connection does not hold up Ctrl-C

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self.room = BoundedSemaphore(MOST_REQUESTS)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self.room.acquire(timeout=SECONDS_TO_WAIT):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # the browser has left
            super().handle_error(request, client_address)


def _handler(live: LivePage) -> type[BaseHTTPRequestHandler]:
    routes: dict[str, tuple[str, Callable[[], str]]] = {
        "/": ("text/html", lambda: page(live.main(), live=True)),
        "/main": ("text/html", live.main),
        "/status": ("application/json", lambda: json.dumps(live.status())),
    }

    class Handler(BaseHTTPRequestHandler):
        server_version = "mlpctl"
        sys_version = ""
        timeout = 30

        def do_GET(self) -> None:
            self.answer()

        def do_HEAD(self) -> None:
            self.answer()

        def answer(self) -> None:
            host = self.headers.get("Host", "").rpartition(":")
            name = host[0] if host[1] and host[2].isdecimal() else "".join(host)
            route = routes.get(self.path.partition("?")[0])
            if name.lower() not in NAMES:
                self.reply(HTTPStatus.FORBIDDEN, "text/plain", f"ask for http://{LOOPBACK}\n")
            elif route is None:
                self.reply(HTTPStatus.NOT_FOUND, "text/plain", "there is no such page\n")
            else:
                kind, content = route
                self.reply(HTTPStatus.OK, kind, content())

        def reply(self, code: HTTPStatus, kind: str, text: str) -> None:
            content = text.encode()
            self.send_response(code)
            for header, value in HEADERS.items():
                self.send_header(header, value)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler

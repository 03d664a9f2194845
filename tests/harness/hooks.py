"""A webhook on this machine: a real server that takes, refuses, stalls or answers nonsense, and keeps what came."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import msgspec
from pydantic import SecretStr

TOKEN: Final = "T0KEN-of-the-webhook"
"""As good as a key: where it shows, it has leaked."""


@dataclass
class Hook:
    """What came, oldest first. ``answer`` is sent as it is; ``stalls`` until :meth:`let_go`."""

    address: str
    answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    stalls: bool = False
    requests: list[tuple[str, str, bytes]] = field(default_factory=list[tuple[str, str, bytes]])
    _released: threading.Event = field(default_factory=threading.Event)

    @property
    def secret(self) -> SecretStr:
        """As the settings have it."""
        return SecretStr(self.address)

    @property
    def texts(self) -> list[str]:
        """The messages that were posted."""
        return [msgspec.json.decode(body)["text"] for method, _, body in self.requests if method == "POST"]

    def refuse(self, status: int = 500) -> None:
        """Answer with ``status`` from now on."""
        self.answer = f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode()

    def take(self) -> None:
        """Take what comes, from now on."""
        self.answer = Hook.answer

    def wait(self) -> None:
        """Hold an answer back, if it stalls."""
        if self.stalls:
            self._released.wait()

    def let_go(self) -> None:
        """Answer what was held back."""
        self._released.set()


@contextmanager
def webhook() -> Generator[Hook]:
    """A server of its own for the length of the block, whose address holds :data:`TOKEN` in path and query."""

    class Handler(BaseHTTPRequestHandler):
        def handle_request(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            hook.requests.append((self.command, self.path, body))
            hook.wait()
            self.wfile.write(hook.answer)
            self.close_connection = True

        do_POST = do_GET = handle_request  # noqa: N815 - as they are named there

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is named there
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hook = Hook(f"http://127.0.0.1:{server.server_port}/services/{TOKEN}?key={TOKEN}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hook
    finally:
        hook.let_go()
        server.shutdown()
        thread.join()
        server.server_close()

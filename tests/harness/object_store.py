"""An object store of the tests' own: moto's S3, as a process that can be out of reach for a while and has all it had.

``object_store PORT FOLDER`` serves it, by the packages in a folder: a line ``stop`` on standard input lets nobody
connect, a line ``start`` lets them again.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

import httpx
import pytest

from ..packages import installed
from ..warehouse.processes import OtherProcess, other_process
from .postgres import free_port

KEY: Final = "AKIASTANDSINNOTABLE"
SECRET: Final = "as secret as a key of AWS"

_PACKAGES: Final = (
    *("moto==5.2.5", "boto3==1.44.8", "botocore==1.44.8", "s3transfer==0.19.3", "jmespath==1.1.0", "xmltodict==1.0.4"),
    *("responses==0.26.3", "requests==2.34.2", "cryptography==50.0.2", "cffi==2.1.1", "pycparser==3.12"),
    *("flask==3.1.3", "flask-cors==6.0.5", "werkzeug==3.1.9", "blinker==1.9.0", "itsdangerous==2.2.0"),
    *("py-partiql-parser==0.6.3", "python-dateutil==2.9.0.post0", "six==1.17.0", "urllib3==2.8.0"),
    *("certifi==2026.10.19.post1", "charset-normalizer==3.5.3", "idna==3.20"),
)


class ObjectStore:
    """One that is answering, at ``address``."""

    def __init__(self, process: OtherProcess, address: str) -> None:
        self.address = address
        self._process = process

    def make_bucket(self, name: str) -> str:
        """A new one; where it is, as ``LAYERS_WAREHOUSE_DATA`` names it."""
        httpx.put(f"{self.address}/{name}").raise_for_status()
        return f"s3://{name}"

    def stop(self) -> None:
        """Let nobody connect."""
        self._process.say("stop")
        self._process.hear_until("stopped")

    def start(self) -> None:
        """Let them connect again: everything is there."""
        self._process.say("start")
        self._process.hear_until("started")


@contextmanager
def running_object_store(cache: pytest.Cache) -> Generator[ObjectStore]:
    """For the length of the block; skips the test where moto can't be installed."""
    found = installed(cache, "moto", *_PACKAGES)
    port = free_port()
    with other_process("-m", __name__, str(port), str(found)) as running:
        running.hear_until("started")
        yield ObjectStore(running, f"http://127.0.0.1:{port}")


def _serve(port: int, folder: str) -> None:
    sys.path.insert(0, folder)
    moto = importlib.import_module("moto.server")

    def begin() -> Any:
        server = moto.ThreadedMotoServer("127.0.0.1", port, verbose=False)
        server.start()
        print("started", flush=True)
        return server

    server = begin()
    for line in sys.stdin:
        if line.strip() == "stop":
            server.stop()
            print("stopped", flush=True)
        else:
            server = begin()


if __name__ == "__main__":
    _serve(int(sys.argv[1]), sys.argv[2])

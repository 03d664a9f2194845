"""A sandbox that stands at one instant, and clients that talk to it over loopback HTTP."""

from collections.abc import Iterator

import pytest

from layers_etl.sandbox.server import SandboxServer

from .reader import NOW, Reader


@pytest.fixture(scope="session")
def still() -> Iterator[SandboxServer]:
    """A sandbox no test changes."""
    with SandboxServer(now=NOW) as server:
        yield server


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """A sandbox of the test's own, to be changed at will."""
    with SandboxServer(now=NOW) as server:
        yield server


@pytest.fixture(scope="session")
def reader(still: SandboxServer) -> Iterator[Reader]:
    """A client of the sandbox no test changes."""
    with Reader(still.url) as reader:
        yield reader


@pytest.fixture
def client(sandbox: SandboxServer) -> Iterator[Reader]:
    """A client of the test's own sandbox."""
    with Reader(sandbox.url) as client:
        yield client

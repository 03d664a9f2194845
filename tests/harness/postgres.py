"""A Postgres of the tests' own, as Debian's package installs it: started, killed and ended as often as they like."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg

PASSWORD: Final = "as secret as a key"
"""Found in no path or name: where it shows, it has leaked."""

_DEBIAN: Final = Path("/usr/lib/postgresql")
_SECONDS_TO_START: Final = 60.0


@dataclass
class Postgres:
    """A server in ``folder``, on a port of its own, that asks for a password."""

    folder: Path
    port: int
    superuser: str
    process: subprocess.Popen[Any] | None = None

    def start(self) -> None:
        """Start it, after a kill too; ready when this returns. It outlives its own death, not the machine's."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(_program("postgres"), "-D", self.folder / "data", "-p", str(self.port), "-k", self.folder),
                    *("-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **_another_user(),
            )
        given_up_at = time.monotonic() + _SECONDS_TO_START
        while True:
            try:
                self.connect().close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > given_up_at:
                    raise
                time.sleep(0.05)

    def kill(self) -> None:
        """End it and all its sessions at once, as a power cut would."""
        if self.process:
            # The sessions are processes of their own; their parent's death ends them only once they look.
            children = subprocess.run(
                ["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False
            ).stdout.split()
            for pid in (self.process.pid, *map(int, children)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait()
            (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)
            self.process = None

    def connect(self, database: str = "postgres", user: str | None = None) -> psycopg.Connection[Any]:
        """A session of its own, of the superuser or another."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=user or self.superuser,
            dbname=database,
            password=PASSWORD,
            autocommit=True,
        )

    def execute(self, *statements: str, database: str = "postgres") -> None:
        """Statements, one after the other."""
        with self.connect(database) as session:
            for statement in statements:
                session.execute(statement.encode())

    def ask(self, statement: str, database: str) -> list[tuple[Any, ...]]:
        """What a query gives."""
        with self.connect(database) as session:
            return session.execute(statement.encode()).fetchall()

    def server(self, database: str = "postgres", user: str | None = None) -> str:
        """As ``LAYERS_WAREHOUSE`` names it."""
        return f"host=127.0.0.1 port={self.port} user={user or self.superuser} dbname={database}"


def is_installed() -> bool:
    """Whether there is a Postgres that can be started."""
    return _find_program("initdb") is not None


@contextlib.contextmanager
def running_postgres(*databases: str, superuser: str = "postgres") -> Generator[Postgres]:
    """A new server that has these databases, for the length of the block."""
    with tempfile.TemporaryDirectory(prefix="layers-postgres-") as folder:
        # Its own user comes by here.
        Path(folder).chmod(0o755)
        server = _make(Path(folder), superuser)
        try:
            server.execute(*(f"CREATE DATABASE {name}" for name in databases))
            yield server
        finally:
            server.kill()


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def _make(folder: Path, superuser: str) -> Postgres:
    """In an empty folder; started."""
    password = folder / "password"
    password.write_text(PASSWORD)
    if os.geteuid() == 0:
        # It refuses to be run by root.
        shutil.chown(folder, "postgres")
    initdb = [_program("initdb"), "-D", folder / "data", "-U", superuser, "-A", "scram-sha-256"]
    subprocess.run(
        [*initdb, f"--pwfile={password}", "--no-sync", "--locale=C", "-E", "UTF8"],
        check=True,
        capture_output=True,
        **_another_user(),
    )
    server = Postgres(folder, free_port(), superuser)
    server.start()
    return server


def _another_user() -> dict[str, Any]:
    return {"user": "postgres", "group": "postgres", "extra_groups": ()} if os.geteuid() == 0 else {}


def _program(name: str) -> str:
    program = _find_program(name)
    assert program, f"{name} is not installed: apt-get install postgresql"
    return program


def _find_program(name: str) -> str | None:
    """Where Debian puts it, by version; or on the path, as elsewhere."""
    found = sorted(_DEBIAN.glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name)

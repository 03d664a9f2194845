"""The services of ``deploy/many-keys``, as processes of this machine: its very files, at ports that are free."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml

from ..harness.fresh import of_other_programs
from ..packages import installed

ROOT: Final = Path(__file__).parents[2]
MANY_KEYS: Final = ROOT / "deploy" / "many-keys"
LONGEST_SECONDS: Final = 240

_PINNED: Final = re.compile(r"^([\w.-]+==[\w.]+)", re.MULTILINE)


def compose() -> dict[str, Any]:
    """The compose file, as YAML has it: the file's own variables are not filled in."""
    return yaml.safe_load((MANY_KEYS / "compose.yaml").read_text(encoding="utf-8"))


def packages(cache: pytest.Cache) -> Path:
    """The folder with what the image of many keys has other than the environment: by the two lock files."""
    both = [
        set(_PINNED.findall((ROOT / name).read_text(encoding="utf-8")))
        for name in ("requirements-cluster.lock", "requirements.lock")
    ]
    return installed(cache, "cluster", *sorted(both[0] - both[1]))


def wait_until(is_so: Callable[[], bool]) -> None:
    """Look again every second until it is so, for longer than any machine should take."""
    until = time.monotonic() + LONGEST_SECONDS
    while not is_so():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(1)


@dataclass
class Services:
    """Processes by the names that the compose file gives them, each with a log of its own in ``folder``."""

    folder: Path
    environment: Mapping[str, str]
    ports: Mapping[str, int]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict[str, "subprocess.Popen[bytes]"])

    @property
    def address(self) -> str:
        """Of the UI."""
        return f"http://127.0.0.1:{self.ports['webserver']}"

    def start(self, name: str, settings: Mapping[str, str] | None = None) -> None:
        """Start a service by the command of the compose file: the code server of a key with the key's ``settings``."""
        written: str = (compose()["x-key"] if settings else compose()["services"][name])["command"]
        words = self._at_home(written, name).split()
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [str(Path(sys.executable).with_name(words[0])), *words[1:]],
                cwd=self.folder,
                env={**of_other_programs(), **self.environment, **(settings or {})},
                stdout=log,
                stderr=log,
            )

    def kill(self, name: str) -> None:
        """As a machine that is gone."""
        self.processes[name].kill()
        self.processes[name].wait(LONGEST_SECONDS)

    def stop(self) -> None:
        """End all of them in order; what does not heed that is killed."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(LONGEST_SECONDS)

    def ask(self, question: str, **variables: object) -> Any:
        """What the UI's GraphQL answers."""
        asked = {"query": question, "variables": variables}
        answer = httpx.post(f"{self.address}/graphql", json=asked, timeout=LONGEST_SECONDS, verify=False).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def answers(self) -> bool:
        """Whether the UI does; a service that has ended says why."""
        for name, process in self.processes.items():
            assert process.poll() is None, self.log(name)
        try:
            return httpx.get(f"{self.address}/server_info", timeout=LONGEST_SECONDS, verify=False).status_code == 200
        except httpx.TransportError:
            return False

    def log(self, name: str) -> str:
        """What a service said so far."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8")

    def _at_home(self, command: str, name: str) -> str:
        placed = re.sub(r"--port \d+", f"--port {self.ports.get(name)}", command)
        return placed.replace("0.0.0.0", "127.0.0.1")


def placed_workspace(ports: Mapping[str, int]) -> str:
    """``workspace.yaml`` with a server for each of these locations, shaped as the first of the file's own is."""
    first = yaml.safe_load((MANY_KEYS / "workspace.yaml").read_text(encoding="utf-8"))["load_from"][0]["grpc_server"]
    assert set(first) == {"host", "port", "location_name"}
    servers = [
        {"grpc_server": {"host": "127.0.0.1", "port": port, "location_name": name}} for name, port in ports.items()
    ]
    return yaml.safe_dump({"load_from": servers})

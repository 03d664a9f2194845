"""``layers-etl dev`` beside a ``.env`` that Dagster itself could not read: the UI has the settings of the commands."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from ..harness.fresh import unset_all

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

LOCATION = """{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError {
    ... on RepositoryLocation { repositories { assetNodes { assetKey { path } partitionKeys } } }
    ... on PythonError { causes { message } } } } } } }"""
RELOAD = 'mutation { reloadRepositoryLocation(repositoryLocationName: "layers_etl") { __typename } }'


@dataclass(frozen=True)
class Served:
    """The UI over a working directory."""

    folder: Path
    address: str

    def ask(self, question: str) -> Any:
        """What its GraphQL answers."""
        asked = {"query": question}
        return httpx.post(f"{self.address}/graphql", json=asked, timeout=60, verify=False).json()["data"]

    def location(self) -> Any:
        """The one code location, or why it could not be loaded."""
        return self.ask(LOCATION)["workspaceOrError"]["locationEntries"][0]["locationOrLoadError"]


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """``layers-etl dev``, answering, whose environment and ``.env`` contradict each other."""
    unset_all(monkeypatch, tmp_path)
    monkeypatch.setenv("LAYERS_SCOPES", "ad_account")
    said = "LAYERS_SCOPES=campaign\nLAYERS_START_DATE=2026-02-01\nLAYERS_DATA_DIR=ads\n"
    (tmp_path / ".env").write_bytes(said.encode("utf-16"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    executable = Path(sys.executable).with_name("layers-etl")
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen([executable, "dev", "--port", str(port)], stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert server.poll() is None, (tmp_path / "log").read_text()
        try:
            return httpx.get(f"{address}/server_info", timeout=5, verify=False).status_code == 200
        except httpx.TransportError:
            return False

    try:
        wait_until(answers)
        yield Served(tmp_path, address)
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(60)


def wait_until(true: Callable[[], bool]) -> None:
    """Look again every second, for as long as the test may take."""
    while not true():
        time.sleep(1)


def test_the_ui_has_the_settings_of_the_commands_and_tells_what_is_wrong_with_them(served: Served) -> None:
    nodes = served.location()["repositories"][0]["assetNodes"]
    first_days = {node["assetKey"]["path"][0]: node["partitionKeys"][:1] for node in nodes}
    assert first_days["ad_account_metrics"] == ["2026-02-01"]
    assert "campaign_metrics" not in first_days, "the environment goes before .env"
    assert (served.folder / "ads" / "dagster" / "dagster.yaml").exists()
    assert {path.name for path in served.folder.iterdir()} == {".env", "ads", "log"}

    (served.folder / ".env").write_text("LAYERS_START_DAY=2026-02-01")
    served.ask(RELOAD)
    told = json.dumps(served.location())
    assert "LAYERS_START_DAY is no setting: did you mean LAYERS_START_DATE?" in told

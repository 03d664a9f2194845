"""The compose file is one that Docker reads, and the image is made of what is there."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"


def read_by_docker(file: Path) -> dict[str, Any]:
    """The services of a compose file as Docker reads them; skips the test where there is no compose."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and not run([*command, "version"]).returncode:
            checked = run([*command, "--file", str(file), "config"])
            assert checked.returncode == 0, checked.stderr
            return yaml.safe_load(checked.stdout)["services"]
    pytest.skip("there is no compose here")


def run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_docker_reads_the_compose_file(tmp_path: Path) -> None:
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    (tmp_path / ".env").write_text("LAYERS_API_KEY=lp_test\n", encoding="utf-8")
    services = read_by_docker(tmp_path / "deploy" / "compose.yaml")
    assert services["webserver"]["environment"]["LAYERS_API_KEY"] == "lp_test"


def test_services_share_one_volume_keep_few_logs_and_listen_to_this_machine_alone() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    for service in services.values():
        assert service["volumes"] == ["data:/data"]
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_what_the_image_is_made_of_is_there_and_nothing_else_is_let_in() -> None:
    ignored, *let_in = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").split()
    assert ignored == "*"
    assert [name for name in let_in if not (ROOT / name.removeprefix("!")).exists()] == []
    assert not any("env" in name or "data" in name for name in let_in)
    used = re.findall(r"(requirements\.lock|dagster\.yaml)", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"))
    assert {f"!{name}" for name in used} <= set(let_in)

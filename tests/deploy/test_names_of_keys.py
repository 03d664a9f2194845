"""The files of ``deploy/many-keys`` agree on what the keys are called, give each its own, and hold no secret."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from layers_etl.settings import read_settings

from ..harness.fresh import unset_all
from .machines import MANY_KEYS, ROOT, compose
from .test_compose import read_by_docker

SERVICES: Final = {name: service for name, service in compose()["services"].items() if name != "postgres"}
KEYS: Final = {name: service for name, service in SERVICES.items() if "env_file" in service}


def loaded(name: str) -> Any:
    return yaml.safe_load((MANY_KEYS / name).read_text(encoding="utf-8"))


def deployments() -> list[dict[str, Any]]:
    """The keys of the Helm values."""
    return loaded("values.yaml")["dagster-user-deployments"]["deployments"]


def variables(deployment: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in deployment["env"]}


def test_a_key_has_one_name_in_the_workspace_its_settings_its_pool_its_volume_and_its_file() -> None:
    servers = [each["grpc_server"] for each in loaded("workspace.yaml")["load_from"]]
    pools = re.findall(r"for key in ([\w -]+);", SERVICES["pools"]["command"])
    assert pools == [" ".join(KEYS)]
    assert {server["location_name"]: server["host"] for server in servers} == {name: name for name in KEYS}
    for name, service in KEYS.items():
        assert service["environment"]["LAYERS_CODE_LOCATION"] == name
        assert service["env_file"] == f"{name}.env"
        assert f"{name}:{service['environment']['LAYERS_DATA_DIR']}" in service["volumes"]
        assert name in compose()["volumes"]
        assert {server["port"] for server in servers} == {int(re.findall(r"--port (\d+)", service["command"])[0])}


def test_the_pools_have_their_limits_and_dagster_its_tables_before_anything_else_begins() -> None:
    for name in ("daemon", "webserver", *KEYS):
        assert SERVICES[name]["depends_on"] == {"pools": {"condition": "service_completed_successfully"}}


def test_on_kubernetes_each_key_has_its_own_name_secret_and_volume_and_runs_where_that_is() -> None:
    for deployment in deployments():
        name = deployment["name"]
        assert variables(deployment)["LAYERS_CODE_LOCATION"] == name
        assert deployment["envSecrets"] == [{"name": f"layers-key-{name}"}]
        volumes = {volume["name"]: volume for volume in deployment["volumes"]}
        mounts = {mount["name"]: mount["mountPath"] for mount in deployment["volumeMounts"]}
        assert volumes["data"]["persistentVolumeClaim"]["claimName"] == f"layers-data-{name}"
        assert mounts == {"data": variables(deployment)["LAYERS_DATA_DIR"], "home": "/srv/dagster"}
        assert deployment["deploymentStrategy"] == {"type": "Recreate"}
    launcher = loaded("values.yaml")["runLauncher"]["config"]["customRunLauncher"]
    assert (launcher["module"], launcher["class"]) == ("dagster", "DefaultRunLauncher")


def test_on_kubernetes_the_queue_is_that_of_the_compose_file() -> None:
    chart, instance = loaded("values.yaml"), loaded("dagster.yaml")
    queue = chart["concurrency"]
    assert instance["concurrency"] == {
        "pools": {"granularity": queue["pools"]["granularity"], "default_limit": queue["pools"]["defaultLimit"]},
        "runs": {"max_concurrent_runs": queue["runs"]["maxConcurrentRuns"]},
    }
    logs = chart["pythonLogs"]
    assert instance["python_logs"] == {
        "managed_python_loggers": logs["managedPythonLoggers"],
        "python_log_level": logs["pythonLogLevel"],
    }
    for what in ("schedule", "sensor"):
        assert chart["retention"][what]["purgeAfterDays"] == instance["retention"][what]["purge_after_days"]


def test_the_settings_that_the_files_give_a_key_are_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for deployment in deployments():
        unset_all(monkeypatch, tmp_path)
        for name, value in variables(deployment).items():
            monkeypatch.setenv(name, value)
        assert read_settings(checkout=None).require().code_location == deployment["name"]
    unset_all(monkeypatch, tmp_path)
    shutil.copy(MANY_KEYS / "key.env.example", tmp_path / ".env")
    assert read_settings(checkout=None).problems == ()


def pinned(name: str) -> dict[str, str]:
    """The releases that a lock file names, by package."""
    return dict(re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / name).read_text(encoding="utf-8"), flags=re.MULTILINE))


def test_the_image_is_made_by_a_lock_file_of_the_base_install_s_releases_but_for_what_the_storage_needs_older() -> None:
    names = {service["build"]["args"]["REQUIREMENTS"] for service in SERVICES.values()}
    assert names == {"requirements-cluster.lock"}
    assert "!requirements-cluster.lock" in (ROOT / "deploy" / "Dockerfile.dockerignore").read_text(encoding="utf-8")
    base, cluster = pinned("requirements.lock"), pinned("requirements-cluster.lock")
    assert {name for name, release in base.items() if cluster.get(name) != release} == {"sqlalchemy"}
    assert "dagster-postgres" in cluster.keys() - base.keys()


def test_the_ui_listens_to_this_machine_alone_and_few_logs_are_kept() -> None:
    for service in compose()["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}


def test_docker_reads_the_compose_file(tmp_path: Path) -> None:
    shutil.copytree(MANY_KEYS, tmp_path / "many-keys")
    for name in KEYS:
        (tmp_path / "many-keys" / f"{name}.env").write_text("LAYERS_API_KEY=lp_test\n", encoding="utf-8")
    (tmp_path / "many-keys" / ".env").write_text("DAGSTER_POSTGRES_PASSWORD=secret\n", encoding="utf-8")
    services = read_by_docker(tmp_path / "many-keys" / "compose.yaml")
    assert services["acme"]["environment"]["LAYERS_API_KEY"] == "lp_test"
    assert services["daemon"]["environment"]["DAGSTER_POSTGRES_PASSWORD"] == "secret"

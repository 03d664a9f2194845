"""What is in force; what the key may read, each endpoint asked once and told in the API's words; what a run would
refuse. And nothing is made."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from layers_etl.cli.examination import Finding, Verdict, examine_needs
from layers_etl.domain.keys import KeyKind
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN
from layers_etl.errors import ExitCode
from layers_etl.sandbox.faults import Fault
from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import CHILD_ORGANIZATION, ORGANIZATION
from layers_etl.warehouse.organization import claim_for_organization

from ..harness.command import KEY, CommandLine
from ..harness.fresh import fresh_warehouse, sandbox_settings
from ..harness.hooks import TOKEN, webhook
from ..harness.worlds import TODAY

ENDPOINTS = ("projects", "ad accounts", "campaigns", "metrics")


def examined(sandbox: SandboxServer, folder: Path, **options: Any) -> dict[str, Finding]:
    """The findings by their subject."""
    settings = sandbox_settings(sandbox.url, folder, **options)
    return {finding.subject: finding for finding in examine_needs(settings, TODAY)}


def refusing(path: str, message: str = "no", status: int = 403, code: str = "FORBIDDEN_SCOPE") -> Fault:
    """A fault that refuses one endpoint."""
    return Fault(effect="status", parameters={"status": status, "code": code, "message": message}, path=path)


def test_each_endpoint_is_asked_once_and_nothing_is_made(still: SandboxServer, tmp_path: Path) -> None:
    still.clear_requests()
    findings = examined(still, tmp_path)
    assert [findings[name].verdict for name in ENDPOINTS] == [Verdict.GOOD] * 4
    asked = [record.path.rpartition("/")[2] for record in still.requests()]
    assert asked == ["whoami", "projects", "campaigns", "ad-accounts", "ads-metrics"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "subject"), [("/ad-accounts$", "ad accounts"), ("/campaigns$", "campaigns"), ("ads-metrics$", "metrics")]
)
def test_what_the_key_may_not_read_is_told_in_the_apis_words_and_the_rest_is_asked_all_the_same(
    troubled: CommandLine, path: str, subject: str
) -> None:
    troubled.sandbox.add_fault(refusing(path, f"Key lacks some:scope for {subject}"))
    findings = examined(troubled.sandbox, troubled.folder)
    assert f"Key lacks some:scope for {subject}" in findings[subject].sentence
    assert findings[subject].code is ExitCode.REFUSED
    others = [name for name in ENDPOINTS if name != subject]
    assert [findings[name].verdict for name in others] == [Verdict.GOOD] * 3


def test_a_list_of_projects_that_is_refused_is_wrong_only_where_no_project_is_named(troubled: CommandLine) -> None:
    troubled.sandbox.add_fault(refusing("^/v1/projects$", "Key lacks projects:read"))
    findings = examined(troubled.sandbox, troubled.folder)
    assert (findings["projects"].verdict, findings["projects"].code) == (Verdict.BAD, ExitCode.REFUSED)
    assert "Key lacks projects:read" in findings["projects"].sentence
    named = examined(troubled.sandbox, troubled.folder, project_ids=(troubled.project.id,))
    assert (named["projects"].verdict, named["projects"].code) == (Verdict.NOTE, ExitCode.OK)
    assert "Key lacks projects:read" in named["projects"].sentence
    assert [named[name].verdict for name in ENDPOINTS[1:]] == [Verdict.GOOD] * 3


def test_a_suspended_organisation_is_one_finding(troubled: CommandLine) -> None:
    troubled.sandbox.add_fault(refusing("", "Suspended.", 503, "KILL_SWITCH"))
    findings = examined(troubled.sandbox, troubled.folder, api_key=SecretStr("lp_test_partner"))
    assert findings["key"].code is ExitCode.REFUSED and "suspended" in findings["key"].sentence
    assert "projects" not in findings
    assert all("lp_test_partner" not in finding.sentence for finding in findings.values())


# What is in force ----------------------------------------------------------------------------------------------------


def findings_of(out: str) -> dict[str, str]:
    """The lines of the report by their subject."""
    return {line[7:].partition(": ")[0]: line for line in out.splitlines()}


def test_it_begins_with_each_setting_its_value_and_where_that_comes_from(place: CommandLine) -> None:
    (place.folder / ".env").write_text("LAYERS_START_DATE=2026-02-01\nLAYERS_SETTLE_HOURS=80,meta_ads=672\n")
    before = snapshot(place.folder)
    result = place.run("doctor", LAYERS_ENV_FILE=None, LAYERS_AUDIT_PERCENT="'2'", LAYERS_DATA_DIR="ads")
    env_file = place.folder / ".env"
    assert result.out.splitlines()[:13] == [
        f"ok     .env: {env_file}; the environment goes before it.",
        "ok     LAYERS_API_KEY: lp_test_… (environment)",
        f"ok     LAYERS_BASE_URL: {place.sandbox.url} (environment)",
        "ok     LAYERS_ORGANIZATION: not set: the key's own (default)",
        "ok     LAYERS_PROJECT_IDS: not set: all active projects (default)",
        "ok     LAYERS_DATA_DIR: ads (environment)",
        f"ok     LAYERS_START_DATE: 2026-03-01 (environment, before {env_file})",
        f"ok     LAYERS_SETTLE_HOURS: 80,meta_ads=672 ({env_file})",
        "ok     LAYERS_SCOPES: ad_account,campaign (default)",
        "ok     LAYERS_REQUESTS_PER_MINUTE: not set: what the key's tier allows (default)",
        "ok     LAYERS_REQUEST_LOG_DAYS: 30 (default)",
        "ok     LAYERS_AUDIT_PERCENT: 2 (environment)",
        "ok     LAYERS_ALLOW_MIXED_KEYS: false (default)",
    ]
    assert f"ok     data folder: {place.folder / 'ads'} is not there yet" in result.out
    assert result.code == 0
    assert snapshot(place.folder) == before


def test_each_wrong_setting_is_a_line_and_no_request_is_made(troubled: CommandLine) -> None:
    (troubled.folder / ".env").write_bytes("LAYERS_SCOPES=ads\r\nLAYERS_ORGANIZATION=org_a".encode("utf-16"))
    wrong = {"LAYERS_SETTLE_HOURS": "72,facebook=10", "LAYERS_START_DAY": "2026-01-01", "LAYERS_START_DATE": KEY}
    result = troubled.run("doctor", LAYERS_ENV_FILE=None, **wrong)
    found = findings_of(result.out)
    assert result.code == 2
    assert {name for name, line in found.items() if line.startswith("WRONG")} == {*wrong, "LAYERS_SCOPES"}
    assert "LAYERS_START_DATE?" in found["LAYERS_START_DAY"]
    assert found["LAYERS_ORGANIZATION"] == f"ok     LAYERS_ORGANIZATION: org_a ({troubled.folder / '.env'})"
    assert "key" not in found and troubled.sandbox.requests() == []


@pytest.mark.slow
def test_without_a_file_it_says_where_it_looked(place: CommandLine) -> None:
    checkout = Path(__file__).parents[2]
    if (checkout / ".env").exists():
        pytest.skip("this checkout has a .env of its developer's")
    result = place.run("doctor", LAYERS_ENV_FILE=None)
    assert f".env: There is none in {place.folder} nor in {checkout}." in result.out


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"LAYERS_SCOPES=caf\xe9", b"LAYERS_DATA_DIR=da\0ta"])
@pytest.mark.parametrize("command", ["run", "status", "sql", "dev", "doctor"])
def test_a_file_that_cannot_be_read_ends_every_command_with_2_and_its_name(
    place: CommandLine, command: str, content: bytes
) -> None:
    (place.folder / ".env").write_bytes(content)
    result = place.run(command, LAYERS_ENV_FILE=None)
    assert result.code == 2
    assert str(place.folder / ".env") in (result.out if command == "doctor" else result.complaint)


# Nothing is made -----------------------------------------------------------------------------------------------------


def snapshot(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Everything there is, with mode, time of change and content."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            path.lstat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in sorted([folder, *folder.rglob("*")])
    }


def write_warehouse(folder: Path, organization_id: str = ORGANIZATION, kind: KeyKind | None = "test") -> None:
    """A build file that a run of this organisation wrote, and the published one."""
    folder.mkdir(exist_ok=True)
    with fresh_warehouse(folder / "build.duckdb", (AD_ACCOUNT, CAMPAIGN)) as warehouse:
        claim_for_organization(warehouse, organization_id, kind)
    shutil.copy(folder / "build.duckdb", folder / "warehouse.duckdb")


STATES: dict[str, Callable[[Path], object]] = {
    "missing": lambda _: None,
    "empty": Path.mkdir,
    "filled": write_warehouse,
    "a file": Path.touch,
    "a link to nowhere": lambda data_dir: data_dir.symlink_to("nowhere"),
}


@pytest.mark.parametrize("state", STATES)
def test_nothing_is_made_whatever_is_there(still: SandboxServer, tmp_path: Path, state: str) -> None:
    STATES[state](tmp_path / "data")
    before = snapshot(tmp_path)
    findings = examined(still, tmp_path / "data")
    assert snapshot(tmp_path) == before
    wrong = {name for name, finding in findings.items() if finding.verdict is Verdict.BAD}
    assert wrong == ({"data folder"} if state in ("a file", "a link to nowhere") else set())


def _say_as_nobody(folder: Path, said: Any) -> None:
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
    finding = next(examine_needs(sandbox_settings("http://127.0.0.1:9", folder), TODAY))
    said.send((finding.verdict, finding.sentence))


@pytest.mark.parametrize("folder", ["", "data", "data/deeper"])
def test_a_folder_that_a_run_could_not_write_or_make_is_told(folder: str) -> None:
    above = Path(tempfile.mkdtemp())
    try:
        (above / "data").mkdir(mode=0o555)
        above.chmod(0o555)
        receiving, sending = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("fork").Process(target=_say_as_nobody, args=(above / folder, sending))
        process.start()
        verdict, sentence = receiving.recv()
        process.join()
    finally:
        above.chmod(0o755)
        shutil.rmtree(above)
    assert verdict is Verdict.BAD
    assert f"The data folder {above / folder} cannot be written (Permission denied" in sentence
    assert "set LAYERS_DATA_DIR to another folder" in sentence


def test_a_folder_of_a_name_no_file_system_takes_is_told(tmp_path: Path) -> None:
    findings = {finding.subject: finding for finding in examine_needs(
        sandbox_settings("http://127.0.0.1:9", tmp_path / ("x" * 5000)), TODAY)}  # fmt: skip
    assert [findings[name].verdict for name in ("data folder", "build file", "warehouse")] == [Verdict.BAD] * 3
    assert "File name too long" in findings["data folder"].sentence


# What a run would refuse ---------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "options", "said"),
    [
        ("lp_test_partner", {}, None),
        ("lp_test_child", {}, "holds the numbers of organisation"),
        ("lp_test_parent", {"organization": CHILD_ORGANIZATION}, "holds the numbers of organisation"),
        ("lp_live_sandbox", {}, "was written with a test key, and this is a live key"),
        ("lp_live_sandbox", {"allow_mixed_keys": True}, None),
        ("lp_live_nobodys", {}, "was written with a test key, and this is a live key"),
    ],
    ids=[
        "its own key",
        "another's",
        "another child's",
        "a live key",
        "a live key that may",
        "a live key that is refused",
    ],
)
def test_it_foretells_that_a_run_would_refuse_the_key(
    still: SandboxServer, tmp_path: Path, key: str, options: dict[str, Any], said: str | None
) -> None:
    write_warehouse(tmp_path)
    owner = examined(still, tmp_path, api_key=SecretStr(key), **options)["owner"]
    assert (owner.verdict, owner.code) == (
        (Verdict.BAD, ExitCode.CONFIGURATION) if said else (Verdict.GOOD, ExitCode.OK)
    )
    assert f"{tmp_path / 'build.duckdb'} {said or f'is of organisation {ORGANIZATION}'}" in owner.sentence


def test_it_sends_a_test_to_the_webhook_where_it_is_asked_to_and_never_shows_the_address(place: CommandLine) -> None:
    with webhook() as hook:
        quiet = place.run("doctor", LAYERS_NOTIFY_URL=hook.address)
        told = place.run("doctor", "--notify", LAYERS_NOTIFY_URL=hook.address)
        hook.refuse(404)
        refused = place.run("doctor", "--notify", LAYERS_NOTIFY_URL=hook.address)
    assert [text.partition(",")[0] for text in hook.texts] == ["layers_etl: a test"] * 2
    assert "ok     LAYERS_NOTIFY_URL: set (environment)" in quiet.out
    assert "ok     alerts: LAYERS_NOTIFY_URL took the test: see that it arrived." in told.out
    assert "WRONG  alerts: LAYERS_NOTIFY_URL did not take the test: it answered 404." in refused.out
    assert [quiet.code, told.code, refused.code] == [0, 0, 1]
    assert TOKEN not in "".join(each.out + each.err for each in (quiet, told, refused))

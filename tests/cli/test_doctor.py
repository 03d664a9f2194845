"""What the key may read, endpoint by endpoint, each asked once and told in the API's words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from layers_etl.doctor import Finding, Verdict, examine_needs
from layers_etl.errors import ExitCode
from layers_etl.sandbox.faults import Fault
from layers_etl.sandbox.server import SandboxServer

from ..dagster.conftest import TODAY
from ..fresh import sandbox_settings
from .command import Place

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
    troubled: Place, path: str, subject: str
) -> None:
    troubled.sandbox.add_fault(refusing(path, f"Key lacks some:scope for {subject}"))
    findings = examined(troubled.sandbox, troubled.folder)
    assert f"Key lacks some:scope for {subject}" in findings[subject].sentence
    assert findings[subject].code is ExitCode.REFUSED
    others = [name for name in ENDPOINTS if name != subject]
    assert [findings[name].verdict for name in others] == [Verdict.GOOD] * 3


def test_a_list_of_projects_that_is_refused_is_wrong_only_where_no_project_is_named(troubled: Place) -> None:
    troubled.sandbox.add_fault(refusing("^/v1/projects$", "Key lacks projects:read"))
    findings = examined(troubled.sandbox, troubled.folder)
    assert (findings["projects"].verdict, findings["projects"].code) == (Verdict.BAD, ExitCode.REFUSED)
    assert "Key lacks projects:read" in findings["projects"].sentence
    named = examined(troubled.sandbox, troubled.folder, project_ids=(troubled.project.id,))
    assert (named["projects"].verdict, named["projects"].code) == (Verdict.NOTE, ExitCode.OK)
    assert "Key lacks projects:read" in named["projects"].sentence
    assert [named[name].verdict for name in ENDPOINTS[1:]] == [Verdict.GOOD] * 3


def test_a_suspended_organisation_is_one_finding(troubled: Place) -> None:
    troubled.sandbox.add_fault(refusing("", "Suspended.", 503, "KILL_SWITCH"))
    findings = examined(troubled.sandbox, troubled.folder, api_key=SecretStr("lp_test_partner"))
    assert findings["key"].code is ExitCode.REFUSED and "suspended" in findings["key"].sentence
    assert "projects" not in findings
    assert all("lp_test_partner" not in finding.sentence for finding in findings.values())

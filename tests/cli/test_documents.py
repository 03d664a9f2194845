"""What --json says has a stable shape, held here field by field; docs/operating.md has the same fields."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest

from ..harness.command import CommandLine
from ..harness.jobs import unreadable
from ..harness.place import rows_of

pytestmark = pytest.mark.slow

BACKFILL: Final = ("backfill", "--since", "2026-03-02", "--until", "2026-03-09")
OPERATING: Final = Path(__file__).parents[2] / "docs" / "operating.md"

WINDOW: Final = {"since": "text", "until": "text"}
PREVIEW: Final = {
    "window": WINDOW,
    "day_requests": {"ad_account": "number", "campaign": "number"},
    "reach_requests": "number",
    "listing_requests": "number",
    "rows": "number",
    "requests_per_minute": "number",
    "minutes": "number",
    "failures": [],
}
SUMMARY: Final = {
    "window": WINDOW,
    "windows_read": {"ad_account": "number", "campaign": "number"},
    "rows_read": "number",
    "weeks_read": "number",
    "restated_days": "number",
    "changed_days": "null",
    "published": "boolean",
    "settled_until": "text",
    "settled_until_but_for_doubtful": "text",
    "warnings": [{"check": "text", "asset": "text", "sentences": ["text"], "remedy": "text"}],
}
REPORT: Final = {"path": "text", "bytes": "number", "published_at": "text", "settled_until": "text"}
FINDING: Final = {"verdict": "text", "subject": "text", "sentence": "text", "code": "number"}


def shape(value: Any) -> Any:
    """What kinds of values a document has by name; of a list, its first item's."""
    match value:
        case dict():
            return {name: shape(item) for name, item in value.items()}
        case list():
            return [shape(item) for item in value[:1]]
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "text"
        case _:
            return "null"


def told(place: CommandLine, *arguments: str, code: int = 0, **settings: str | None) -> Any:
    """The one document that a command writes, and its code."""
    result = place.run(*arguments, "--json", **settings)
    assert result.code == code, result.err
    return json.loads(result.out)


def test_a_run_says_what_it_did(troubled: CommandLine) -> None:
    account, *_ = troubled.sandbox.world.accounts(troubled.project.id)
    troubled.sandbox.world.update_account(account.id, token_status="expired")
    document = told(troubled, "run")

    assert shape(document) == {
        "command": "text", "code": "number", "message": "text", "summary": SUMMARY, "preview": "null"
    }  # fmt: skip
    assert (document["command"], document["code"]) == ("run", 0)
    (warned,) = document["summary"]["warnings"]
    assert (warned["check"], warned["asset"]) == ("every_account_is_refreshed", "ad_accounts")
    assert told(troubled, *BACKFILL)["summary"]["changed_days"] == 6 * 7


def test_a_run_that_falls_short_says_the_same_with_its_code(troubled: CommandLine) -> None:
    troubled.sandbox.add_fault(unreadable("campaign"))
    document = told(troubled, "run", code=1)
    assert document["code"] == 1
    assert document["message"] in troubled.run("run").complaint
    assert document["summary"]["windows_read"] == {"ad_account": 2}


def test_a_run_that_does_not_begin_has_a_document_too(troubled: CommandLine) -> None:
    result = troubled.run("run", "--json", LAYERS_API_KEY="lp_test_nobody")
    document = json.loads(result.out)
    assert (result.code, document["code"], document["summary"], document["preview"]) == (3, 3, None, None)
    assert document["message"] == result.complaint


@pytest.mark.parametrize("arguments", [("run",), BACKFILL], ids=["run", "backfill"])
def test_a_dry_run_says_what_would_be_asked_for(place: CommandLine, arguments: tuple[str, ...]) -> None:
    document = told(place, *arguments, "--dry-run")
    assert shape(document["preview"]) == PREVIEW
    assert (document["command"], document["summary"]) == (arguments[0], None)
    assert not place.data_dir.exists()


def test_doctor_says_all_it_found(filled: CommandLine) -> None:
    document = told(filled, "doctor")
    assert shape(document) == {"code": "number", "findings": [FINDING]}
    assert {each["verdict"] for each in document["findings"]} == {"ok", "note"}
    wrong = told(filled, "doctor", code=2, LAYERS_API_KEY=None)
    assert [each["code"] for each in wrong["findings"] if each["verdict"] == "wrong"] == [2]


def test_backtest_says_its_scores_by_scope(filled: CommandLine) -> None:
    assert told(filled, "backtest") == {
        "scopes": [{"scope": "ad_account", "scores": []}, {"scope": "campaign", "scores": []}]
    }


def test_a_report_says_where_it_is_how_large_and_what_it_shows(filled: CommandLine, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    document = told(filled, "report", "--output", str(page))
    assert shape(document) == REPORT
    assert (document["path"], document["bytes"]) == (str(page), page.stat().st_size)
    publication = rows_of(filled.published, "FROM ops.publication")[0]
    assert datetime.fromisoformat(document["published_at"]) == publication["published_at"]
    assert document["settled_until"] == str(publication["settled_until"])


def test_status_says_how_all_stands(filled: CommandLine) -> None:
    document = told(filled, "status")
    assert list(document) == [
        "instant",
        "accounts",
        "findings",
        "unrefreshed_accounts",
        "duplicate_accounts",
        "standing_sources",
        "doubtful_days",
        "audits",
        "oldest_open_day",
        "last_run",
        "failures",
    ]
    assert shape(document["accounts"]) == [
        {
            "project_id": "text",
            "ad_account_id": "text",
            "name": "text",
            "platform": "text",
            "entities": "number",
            "settled": "number",
            "provisional": "number",
            "missing": "number",
            "oldest_open_day": "text",
        }
    ]


def test_operating_has_every_field_of_a_run_of_a_dry_run_and_of_a_report() -> None:
    section = OPERATING.read_text(encoding="utf-8").partition("\n### For programs\n")[2].partition("\n## ")[0]
    said = set(re.findall(r"`(\w+)`", section))
    assert {*SUMMARY, *PREVIEW, *REPORT, *FINDING, "check", "asset", "sentences", "remedy", "scores"} <= said

"""Every question in docs/queries.md is answered by the published file."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl
import pytest

DOCUMENT = Path(__file__).parents[2] / "docs" / "queries.md"
MAY_BE_EMPTY = "*May give no rows"


@dataclass(frozen=True)
class Question:
    """One section of the document."""

    title: str
    text: str
    sql: str


def questions() -> list[Question]:
    sections = re.split(r"^## ", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    found: list[Question] = []
    for section in sections:
        title, _, text = section.partition("\n")
        (sql,) = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
        found.append(Question(title, text, sql))
    return found


def test_they_are_numbered_and_each_says_what_to_watch_out_for() -> None:
    assert len(questions()) >= 20
    for number, question in enumerate(questions(), start=1):
        assert question.title.startswith(f"{number}. ")
        assert "Watch out: " in question.text


@pytest.mark.parametrize("question", questions(), ids=lambda question: question.title)
def test_the_question_is_answered(analyst: duckdb.DuckDBPyConnection, question: Question) -> None:
    answer = analyst.execute(question.sql).fetchall()
    assert answer or MAY_BE_EMPTY in question.text


def test_what_changed_tells_of_days_that_are_new_and_of_days_that_were_taken_back(
    published: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "warehouse.duckdb"
    shutil.copyfile(published, copy)
    (what_changed,) = (question for question in questions() if question.title.startswith("3. "))
    with duckdb.connect(str(copy)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        ((newest, older),) = connection.execute("SELECT max(day), max(day) - 10 FROM ads.campaign_metrics").fetchall()
        columns = "SELECT column_name FROM duckdb_columns() WHERE table_name = ?"
        tables = ("campaign_metrics_history", "campaign_metrics")
        history, standing = ({name for (name,) in connection.execute(columns, [table]).fetchall()} for table in tables)
        shared = (history & standing) - {"observed_at"}
        connection.execute(
            f"INSERT INTO ads.campaign_metrics_history BY NAME SELECT {', '.join(sorted(shared))}, "
            "first_observed_at AS observed_at, observed_at AS last_observed_at, "
            "(SELECT max(instant) FROM ops.runs) AS superseded_at FROM ads.campaign_metrics WHERE day = ?",
            [older],
        )
        connection.execute("DELETE FROM ads.campaign_metrics WHERE day = ?", [older])
        rows = connection.sql(what_changed.sql.replace("LIMIT 50", "")).pl()

    new, taken_back = rows.filter(pl.col("day") == newest), rows.filter(pl.col("day") == older)
    assert len(new) > 0
    assert len(taken_back) > 0
    assert new["reported_spend"].is_null().all()
    assert taken_back["spend"].is_null().all()
    assert taken_back["reported_spend"].is_not_null().all()
    assert rows["day"].to_list()[-1] == newest


def asked_after(published: Path, folder: Path, number: int, changes: str) -> pl.DataFrame:
    """What the question of that number answers of a copy that ``changes`` were made in."""
    copy = folder / "warehouse.duckdb"
    shutil.copyfile(published, copy)
    (question,) = (question for question in questions() if question.title.startswith(f"{number}. "))
    with duckdb.connect(str(copy)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(changes)
        return connection.sql(question.sql).pl()


_PROJECTED = (
    "UPDATE marts.campaign_daily SET projected_conversions = conversions + 1, "
    "projected_conversion_value = conversion_value WHERE NOT settled"
)


def test_the_week_is_expected_to_settle_at_what_is_settled_and_what_is_projected(
    published: Path, tmp_path: Path
) -> None:
    rows = asked_after(published, tmp_path, 8, _PROJECTED)
    assert rows["conversions_expected"].to_list() == [
        pytest.approx(float(row["conversions_so_far"]) + row["campaign_days_open"]) for row in rows.to_dicts()
    ]


def test_of_a_week_with_a_day_that_nobody_projects_nothing_is_expected(published: Path, tmp_path: Path) -> None:
    one_less = (
        "; UPDATE marts.campaign_daily SET projected_conversions = NULL WHERE (platform, campaign_id, day) = ("
        "SELECT (platform, campaign_id, day) FROM marts.campaign_daily "
        "WHERE platform = 'meta_ads' AND day = (SELECT last_day FROM ops.horizon) LIMIT 1)"
    )
    rows = asked_after(published, tmp_path, 8, _PROJECTED + one_less)
    for row in rows.to_dicts():
        assert (row["conversions_expected"] is None) == (row["platform"] == "meta_ads")
        assert row["campaign_days_without_a_guess"] == (1 if row["platform"] == "meta_ads" else 0)
        assert row["conversions_so_far"]


def test_what_changed_of_a_campaign_is_its_name_status_or_budget_and_nothing_else(
    published: Path, tmp_path: Path
) -> None:
    next_version = (
        "INSERT INTO ads.campaign_history BY NAME "
        "SELECT * REPLACE ({change}, now() + INTERVAL '{n} days' AS valid_from) FROM ads.campaign_history "
        "WHERE name = 'Renamed | Spring' AND valid_from = (SELECT max(valid_from) FROM ads.campaign_history);"
    )
    changes = ("'paused' AS status", "'other' AS objective", "false AS listed", "1 AS lifetime_budget_cents")
    rows = asked_after(
        published,
        tmp_path,
        20,
        "UPDATE ads.campaign_history SET valid_to = NULL;"
        + "".join(next_version.format(change=change, n=n) for n, change in enumerate(changes, start=1)),
    )
    seen = rows.select("name", "status_before", "status", "lifetime_budget").rows()
    assert seen == [
        ("Renamed | Spring", "paused", "paused", 0.01),
        ("Renamed | Spring", "active", "paused", None),
        ("Renamed | Spring", "active", "active", None),
    ]


@pytest.mark.parametrize("question", questions(), ids=lambda question: question.title)
def test_no_question_averages_a_ratio_or_sums_reach(question: Question) -> None:
    assert not re.search(r"(?:sum|avg)\(\s*(?:\w+\.)?(?:cpa|cpc|cpm|ctr|roas|reach|frequency)\b", question.sql)

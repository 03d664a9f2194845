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


@pytest.mark.parametrize("question", questions(), ids=lambda question: question.title)
def test_no_question_averages_a_ratio_or_sums_reach(question: Question) -> None:
    assert not re.search(r"(?:sum|avg)\(\s*(?:\w+\.)?(?:cpa|cpc|cpm|ctr|roas|reach|frequency)\b", question.sql)

"""Every question in docs/queries.md is answered by the published file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import duckdb
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


def test_there_are_twenty_and_each_says_what_to_watch_out_for() -> None:
    assert len(questions()) >= 20
    for number, question in enumerate(questions(), start=1):
        assert question.title.startswith(f"{number}. ")
        assert "Watch out: " in question.text


@pytest.mark.parametrize("question", questions(), ids=lambda question: question.title)
def test_the_question_is_answered(analyst: duckdb.DuckDBPyConnection, question: Question) -> None:
    answer = analyst.execute(question.sql).fetchall()
    assert answer or MAY_BE_EMPTY in question.text


@pytest.mark.parametrize("question", questions(), ids=lambda question: question.title)
def test_no_question_averages_a_ratio_or_sums_reach(question: Question) -> None:
    assert not re.search(r"(?:sum|avg)\(\s*(?:\w+\.)?(?:cpa|cpc|cpm|ctr|roas|reach|frequency)\b", question.sql)

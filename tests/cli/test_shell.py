"""``layers-etl sql``: any query, any format, one sentence for what is wrong."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest

from layers_etl.cli import shell
from layers_etl.cli.formats import Format, choose_format
from layers_etl.cli.shell import prompt, run_query
from layers_etl.errors import ConfigurationError
from layers_etl.warehouse.published_file import PublishedFile

from ..harness.fresh import NOTHING_SET
from ..warehouse.test_schema import VERSION_1

TYPED = (
    "SELECT 12345678901234.5678::DECIMAL(18,4) AS money, DATE '2026-03-01' AS day,"
    " TIMESTAMPTZ '2026-03-01 06:00:00+00' AS instant, NULL::BIGINT AS unknown, 'a,\"b\"' AS name"
)
EXECUTABLE = Path(sys.executable).with_name("layers-etl")


@pytest.fixture
def typing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Callable[[str], str]]:
    """Lines as if typed; then Ctrl-D. Exceptions stand for the keys that raise them."""
    monkeypatch.setattr(shell, "HISTORY", tmp_path / "history")

    def typed(*lines: str | type[BaseException]) -> Callable[[str], str]:
        remaining: Iterator[str | type[BaseException]] = iter(lines)

        def read_line(_: str) -> str:
            line = next(remaining, EOFError)
            if isinstance(line, str):
                return line
            raise line

        return read_line

    return typed


def test_a_user_without_a_home_gets_a_prompt_without_a_history(
    published: Path,
    typing: Callable[..., Callable[[str], str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(shell, "HISTORY", Path("~nobody-of-this-name/history"))
    prompt(PublishedFile(published), typing("SELECT 41 + 1 AS answer;"))
    assert "42" in capsys.readouterr().out


def test_a_table_names_its_columns_and_leaves_nothing_out(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_query(
        PublishedFile(published),
        "SELECT i AS number, repeat('x', 300) AS wide FROM range(200) t(i)",
        Format.TABLE,
        None,
    )
    out = capsys.readouterr().out
    assert "number" in out and " 199 " in out and "x" * 300 in out


def test_csv_is_exact(published: Path, tmp_path: Path) -> None:
    run_query(PublishedFile(published), TYPED, Format.CSV, tmp_path / "out.csv")
    (row,) = csv.DictReader((tmp_path / "out.csv").read_text().splitlines())
    assert row == {
        "money": "12345678901234.5678", "day": "2026-03-01", "instant": "2026-03-01 06:00:00+00", "unknown": "",
        "name": 'a,"b"',
    }  # fmt: skip


def test_json_is_exact(published: Path, tmp_path: Path) -> None:
    run_query(PublishedFile(published), TYPED, Format.JSON, tmp_path / "out.json")
    (row,) = json.loads((tmp_path / "out.json").read_text(), parse_float=Decimal)
    assert row == {
        "money": Decimal("12345678901234.5678"), "day": "2026-03-01", "instant": "2026-03-01 06:00:00+00",
        "unknown": None, "name": 'a,"b"',
    }  # fmt: skip


def test_parquet_keeps_the_types(published: Path, tmp_path: Path) -> None:
    run_query(PublishedFile(published), TYPED, Format.PARQUET, tmp_path / "out.parquet")
    frame = pl.read_parquet(tmp_path / "out.parquet")
    assert frame.schema["money"] == pl.Decimal(18, 4)
    assert frame.select("money", "day", "instant").row(0) == (
        Decimal("12345678901234.5678"), date(2026, 3, 1), datetime(2026, 3, 1, 6, tzinfo=UTC)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "name", "chosen"),
    [
        (None, None, Format.TABLE),
        (None, "a.csv", Format.CSV),
        (None, "a.PARQUET", Format.PARQUET),
        (None, "a.xlsx", Format.XLSX),
        (None, "a.txt", Format.TABLE),
        (Format.JSON, "a.csv", Format.JSON),
    ],
)
def test_the_outputs_name_tells_the_format(wanted: Format | None, name: str | None, chosen: Format) -> None:
    assert choose_format(wanted, Path(name) if name else None) is chosen


def test_a_relative_output_is_written_where_the_command_is_given(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_query(PublishedFile(published), "SELECT 42 AS answer", Format.CSV, Path("a'b.csv"))
    assert (tmp_path / "a'b.csv").read_text() == "answer\n42\n"


def test_an_excel_file_is_refused_in_a_sentence_without_its_package(published: Path, tmp_path: Path) -> None:
    if importlib.util.find_spec("duckdb_extension_excel"):
        pytest.skip("the package is installed")
    with pytest.raises(ConfigurationError, match=r"pip install duckdb-extension-excel==1\.5\.5, or write \.csv"):
        run_query(PublishedFile(published), TYPED, Format.XLSX, tmp_path / "out.xlsx")
    assert list(tmp_path.iterdir()) == []


def test_an_excel_file_has_numbers_and_days(published: Path, tmp_path: Path) -> None:
    pytest.importorskip("duckdb_extension_excel")
    run_query(PublishedFile(published), TYPED, Format.XLSX, tmp_path / "out.xlsx")
    with duckdb.connect() as connection:
        connection.execute(f"LOAD '{shell.find_excel_extension()}'")
        (row,) = connection.execute("FROM read_xlsx(?)", [str(tmp_path / "out.xlsx")]).fetchall()
    assert (row[1], row[4]) == (date(2026, 3, 1), 'a,"b"')


WRITES = (
    "COPY (SELECT 1) TO '{folder}/out.csv'",
    "COPY ads.campaigns TO '{folder}/out' (FORMAT parquet, PARTITION_BY (project_id))",
    "EXPORT DATABASE '{folder}/export'",
    "ATTACH '{folder}/other.duckdb' AS other",
    "ATTACH ':memory:' AS other",
    "INSTALL httpfs",
    "LOAD httpfs",
    "IMPORT DATABASE '{folder}'",
    "FROM read_csv('{folder}/warehouse.duckdb')",
    "FROM read_text('{folder}/*')",
    "FROM glob('{folder}/*')",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "RESET lock_configuration",
    "SET allowed_directories = ['/']",
    "SET temp_directory = '{folder}/t'",
    "SET log_query_path = '{folder}/log'",
    "SET TimeZone = 'America/New_York'",
    "SET GLOBAL threads = 1",
    "PRAGMA threads = 1",
    "PRAGMA enable_profiling = 'json'",
    "PRAGMA profiling_output = '{folder}/profile.json'",
    "INSERT INTO ads.campaigns SELECT * FROM ads.campaigns",
    "UPDATE ads.campaigns SET name = 'mine'",
    "DELETE FROM ads.campaigns",
    "TRUNCATE ads.campaigns",
    "DROP TABLE ads.campaigns",
    "ALTER TABLE ads.campaigns ADD COLUMN mine INT",
    "CREATE VIEW ads.mine AS SELECT 1",
    "CREATE MACRO ads.mine() AS 1",
    "CREATE SCHEMA mine",
    "CREATE PERSISTENT SECRET s (TYPE s3)",
    "COMMENT ON TABLE ads.campaigns IS 'mine'",
    "PREPARE mine AS DELETE FROM ads.campaigns; EXECUTE mine",
    "CREATE TEMP MACRO mine() AS TABLE FROM read_text('{folder}/*'); FROM mine()",
    "WITH gone AS (DELETE FROM ads.campaigns RETURNING *) FROM gone",
    "SELECT query('DELETE FROM ads.campaigns')",
    "FROM query('DELETE FROM ads.campaigns')",
)


@pytest.mark.parametrize("query", WRITES)
def test_nothing_but_reading_what_is_published_is_let_through(published: Path, query: str) -> None:
    folder = published.parent
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(ConfigurationError) as raised:
        run_query(PublishedFile(published), query.format(folder=folder), Format.TABLE, None)
    assert "\n" not in str(raised.value)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("wanted", [Format.CSV, Format.JSON, Format.PARQUET])
def test_an_output_opens_no_other_file(published: Path, tmp_path: Path, wanted: Format) -> None:
    query = f"COPY (SELECT 1) TO '{tmp_path}/other.csv'; SELECT 1"
    with pytest.raises(ConfigurationError, match="Nothing is written from here"):
        run_query(PublishedFile(published), query, wanted, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_explained_query_is_drawn_as_it_is(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_query(PublishedFile(published), "EXPLAIN SELECT count(*) FROM ads.campaigns", Format.TABLE, None)
    drawn = capsys.readouterr().out.splitlines()
    assert len(drawn) > 5
    assert not any("explain_value" in line for line in drawn)


@pytest.mark.parametrize("word", ["help", "HELP;", ".help", "exit", "exit;", "quit", ".quit", ".exit"])
def test_help_and_exit_work_as_they_are_typed(
    published: Path, typing: Callable[..., Callable[[str], str]], capsys: pytest.CaptureFixture[str], word: str
) -> None:
    prompt(PublishedFile(published), typing(word, "SELECT 'later' AS said;"))
    out = capsys.readouterr().out
    if "help" in word.lower():
        assert ".tables" in out and "later" in out
    else:
        assert "later" not in out


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT nothing FROM marts.campaign_daily", "nothing"),
        ("FROM marts.unheard_of", "unheard_of"),
        ("DELETE FROM ads.campaigns", "read-only"),
        ("CREATE TABLE ads.mine (i INT)", "read-only"),
        ("SELECT 'a'::INTEGER", "Could not convert"),
    ],
)
def test_what_the_sql_has_wrong_is_one_sentence(published: Path, query: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        run_query(PublishedFile(published), query, Format.TABLE, None)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value) and "LINE 1" not in str(raised.value)


def test_an_output_that_fails_leaves_the_one_before(published: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    output.write_text("before")
    with pytest.raises(ConfigurationError):
        run_query(PublishedFile(published), "SELECT (1 - i)::UTINYINT FROM range(9) t(i)", Format.CSV, output)
    assert output.read_text() == "before"
    assert list(tmp_path.iterdir()) == [output]


def test_an_output_in_no_folder_is_one_sentence(published: Path, tmp_path: Path) -> None:
    for wanted in set(Format) - {Format.XLSX}:  # Which takes a package of its own.
        with pytest.raises(ConfigurationError, match=r"no/out"):
            run_query(PublishedFile(published), "SELECT 1", wanted, tmp_path / "no" / "out")


def test_a_missing_file_says_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="the first run publishes it"):
        run_query(PublishedFile(tmp_path / "warehouse.duckdb"), "SELECT 1", Format.TABLE, None)


def test_a_file_that_an_older_version_wrote_can_be_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Until the next run has brought it forward."""
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute(VERSION_1)
    query = "SELECT version + 41 AS answer FROM ops.schema_version"
    run_query(PublishedFile(tmp_path / "warehouse.duckdb"), query, Format.TABLE, None)
    assert "42" in capsys.readouterr().out


def test_statements_run_in_order_and_the_last_one_is_shown(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_query(
        PublishedFile(published), "SET VARIABLE n = 41; SELECT getvariable('n') + 1 AS answer;", Format.TABLE, None
    )
    assert "42" in capsys.readouterr().out


def test_the_session_is_in_utc(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_query(PublishedFile(published), "SELECT current_setting('TimeZone') AS zone", Format.TABLE, None)
    assert "UTC" in capsys.readouterr().out


def test_a_statement_at_the_prompt_may_span_lines_and_hold_semicolons(
    published: Path, typing: Callable[..., Callable[[str], str]], capsys: pytest.CaptureFixture[str]
) -> None:
    prompt(PublishedFile(published), typing("SELECT 'a;", "b' AS", "text;", "SELECT 1 + 1 AS two;"))
    out = capsys.readouterr().out
    assert "text" in out and "two" in out


def test_a_mistake_at_the_prompt_costs_one_statement(
    published: Path, typing: Callable[..., Callable[[str], str]], capsys: pytest.CaptureFixture[str]
) -> None:
    prompt(PublishedFile(published), typing("SELEC 1;", "SELECT", KeyboardInterrupt, "SELECT 42 AS answer;"))
    captured = capsys.readouterr()
    assert "syntax error" in captured.err and "answer" in captured.out


def test_commands_at_the_prompt_tell_what_there_is(
    published: Path, typing: Callable[..., Callable[[str], str]], capsys: pytest.CaptureFixture[str]
) -> None:
    prompt(
        PublishedFile(published),
        typing(".tables", ".schema marts.platform_weekly", ".help", ".reload", ".quit", "SELECT 'unread';"),
    )
    out = capsys.readouterr().out
    assert "marts.campaign_daily" in out and "days_read" in out and ".reload" in out
    assert "unread" not in out


def test_what_there_is_begins_with_what_analysts_query_and_ends_with_how_it_came_here(
    published: Path, typing: Callable[..., Callable[[str], str]], capsys: pytest.CaptureFixture[str]
) -> None:
    prompt(PublishedFile(published), typing(".tables", ".quit"))
    out = capsys.readouterr().out
    assert out.index("marts.ad_account_daily") < out.index("marts.restatements") < out.index("ads.ad_accounts")
    assert out.index("ads.ad_accounts") < out.index("ops.runs")


def test_the_command_takes_a_piped_query(published: Path) -> None:
    query = "SELECT count(*) AS n FROM marts.campaign_daily"
    ended = subprocess.run(
        [EXECUTABLE, "sql", "--format", "csv"],
        input=query,
        env={**os.environ, **NOTHING_SET, "LAYERS_DATA_DIR": str(published.parent), "TZ": "America/New_York"},
        capture_output=True,
        text=True,
        check=True,
    )
    with duckdb.connect(str(published), read_only=True) as connection:
        assert ended.stdout == f"n\n{connection.execute(query).fetchall()[0][0]}\n"


@pytest.mark.slow
def test_the_command_ends_with_two_and_no_traceback(published: Path) -> None:
    ended = subprocess.run(
        [EXECUTABLE, "sql", "FROM nowhere"],
        env={**os.environ, **NOTHING_SET, "LAYERS_DATA_DIR": str(published.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("layers-etl: Catalog Error") and "Traceback" not in ended.stderr
    assert len(ended.stderr.splitlines()) == 1

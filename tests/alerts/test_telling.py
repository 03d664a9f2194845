"""What people are told of runs, from the command line's own functions and to a real webhook."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta

import pytest

from layers_etl.alerts.memory import FILE_NAME
from layers_etl.alerts.telling import send_test, tell_end, tell_lateness
from layers_etl.domain.alerts import RunEnd
from layers_etl.domain.days import DayWindow
from layers_etl.errors import ConfigurationError, ExitCode, LayersEtlError, RefusedError, WarehouseError

from ..harness.hooks import TOKEN, Hook
from ..harness.job_fixtures import NewPipeline
from ..harness.jobs import DagsterPipeline, unreadable

START = date(2026, 3, 9)
TOMORROW = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def alerted(new_pipeline: NewPipeline, hook: Hook) -> DagsterPipeline:
    """Three days to read, and everything that there is to tell goes to the hook."""
    return new_pipeline(START, LAYERS_NOTIFY_URL=hook.address, LAYERS_PING_URL=f"{hook.address}&ping")


def pings(hook: Hook) -> int:
    return sum(method == "GET" for method, _, _ in hook.requests)


@pytest.mark.slow
def test_a_run_that_ends_well_pings_and_has_nothing_to_tell(alerted: DagsterPipeline, hook: Hook) -> None:
    assert alerted.run().code == ExitCode.OK
    assert hook.texts == []
    assert pings(hook) == 1


@pytest.mark.slow
def test_a_failing_check_is_told_once_and_so_is_that_it_holds_again(alerted: DagsterPipeline, hook: Hook) -> None:
    with alerted.broken(unreadable(scope="campaign")):
        assert [alerted.run().code for _ in range(2)] == [ExitCode.INCOMPLETE] * 2
    (told,) = hook.texts
    assert told.startswith("layers_etl: error check failed, ")
    assert str(alerted.data_dir) in told
    assert "\n- error check failed: every_entity_was_read of campaign_metrics: " in told
    assert "run failed" not in told
    assert pings(hook) == 0

    assert alerted.run().code == ExitCode.OK
    _, recovered = hook.texts
    assert recovered.splitlines()[1:] == [
        "- recovered: every_entity_was_read of campaign_metrics: told before as error check failed, and well again."
    ]
    assert pings(hook) == 1


def test_a_key_that_is_refused_morning_after_morning_is_told_once(alerted: DagsterPipeline, hook: Hook) -> None:
    alerted.extra["LAYERS_API_KEY"] = "lp_test_of_nobody"
    for _ in range(3):
        with pytest.raises(RefusedError):
            alerted.run()
    (told,) = hook.texts
    assert told.startswith("layers_etl: run failed, ")
    assert "lp_test_of_nobody" not in told


def test_a_run_that_cannot_open_the_warehouse_is_told(alerted: DagsterPipeline, hook: Hook) -> None:
    (alerted.data_dir).mkdir(parents=True)
    (alerted.data_dir / "build.duckdb").mkdir()
    assert alerted.run().code != ExitCode.OK
    (told,) = hook.texts
    assert told.startswith("layers_etl: run failed, ")


def test_a_run_that_has_no_data_folder_is_told_each_time_since_nothing_can_be_remembered(
    alerted: DagsterPipeline, hook: Hook
) -> None:
    alerted.data_dir.write_text("a file, not a folder")
    for _ in range(2):
        with pytest.raises(WarehouseError):
            alerted.run()
    assert [text.partition(",")[0] for text in hook.texts] == ["layers_etl: run failed"] * 2


@pytest.mark.slow
def test_a_webhook_that_refuses_costs_a_line_and_is_told_by_the_next_run(
    alerted: DagsterPipeline, hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    hook.refuse()
    with alerted.broken(unreadable(scope="campaign")):
        assert alerted.run().code == ExitCode.INCOMPLETE
        refused = [record.getMessage() for record in caplog.records if "LAYERS_NOTIFY_URL" in record.getMessage()]
        hook.take()
        assert alerted.run().code == ExitCode.INCOMPLETE
    assert refused == ["LAYERS_NOTIFY_URL did not take an alert: it answered 500. It is tried again with the next run."]
    assert len(hook.texts) == 2
    assert hook.texts[0] == hook.texts[1]


@pytest.mark.slow
def test_neither_a_backfill_nor_a_run_for_another_instant_pings(alerted: DagsterPipeline, hook: Hook) -> None:
    assert alerted.backfill(DayWindow(START, date(2026, 3, 10))).code == ExitCode.OK
    assert alerted.run(datetime(2026, 3, 11, 7, tzinfo=UTC)).code == ExitCode.OK
    assert hook.requests == []


@pytest.mark.slow
def test_a_publication_that_is_late_is_told_once_and_so_is_the_next_one(alerted: DagsterPipeline, hook: Hook) -> None:
    assert alerted.run().code == ExitCode.OK
    with alerted.environment() as settings:
        tell_lateness(settings, TOMORROW)
        assert hook.texts == []
        for hours in (3, 4):
            tell_lateness(settings, TOMORROW + timedelta(hours=hours))
        (told,) = hook.texts
        assert "published late: the publication: nothing was published since " in told
        tell_end(settings, RunEnd(TOMORROW + timedelta(hours=5), is_well=True, is_daily=True))
    assert "recovered: the publication" in hook.texts[1]


def test_what_ended_before_the_last_run_that_was_told_of_is_no_news(alerted: DagsterPipeline, hook: Hook) -> None:
    with alerted.environment() as settings:
        tell_end(settings, RunEnd(TOMORROW, is_well=True, is_daily=True))
        before = RunEnd(TOMORROW - timedelta(hours=1), is_well=False, is_daily=False, failure="It broke.", cause="X")
        tell_end(settings, before)
    assert hook.texts == []


@pytest.mark.slow
def test_where_no_address_is_set_nothing_is_told_or_remembered(pipeline: DagsterPipeline) -> None:
    assert pipeline.run().code == ExitCode.OK
    assert not (pipeline.data_dir / FILE_NAME).exists()


@pytest.mark.parametrize("remembered", [b"", b"{", b'{"standing": 1}', b"\xff"])
def test_a_memory_that_cannot_be_read_costs_that_something_is_told_again(
    alerted: DagsterPipeline, hook: Hook, remembered: bytes
) -> None:
    end = RunEnd(TOMORROW, is_well=False, is_daily=False, failure="It broke.", cause="X")
    with alerted.environment() as settings:
        settings.data_dir.mkdir(parents=True)
        tell_end(settings, end)
        (settings.data_dir / FILE_NAME).write_bytes(remembered)
        tell_end(settings, end)
    assert len(hook.texts) == 2


@pytest.mark.slow
def test_the_addresses_are_in_no_file_and_no_log_of_a_run_that_told(
    alerted: DagsterPipeline, hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with alerted.broken(unreadable(scope="campaign")):
        alerted.run()
    hook.refuse()
    alerted.run()
    assert len(hook.texts) == 2
    with alerted.environment() as settings:
        assert TOKEN not in repr(settings)
    assert TOKEN not in caplog.text
    files = [path for path in alerted.data_dir.parent.rglob("*") if path.is_file()]
    assert len(files) > 3
    assert [path for path in files if TOKEN.encode() in path.read_bytes()] == []


def test_a_test_message_says_what_it_is(alerted: DagsterPipeline, hook: Hook) -> None:
    with alerted.environment() as settings:
        assert send_test(settings).startswith("LAYERS_NOTIFY_URL took the test")
    (told,) = hook.texts
    assert told.startswith("layers_etl: a test, ")


def test_a_test_message_that_cannot_be_sent_or_is_not_taken_is_an_error_in_a_sentence(
    alerted: DagsterPipeline, pipeline: DagsterPipeline, hook: Hook
) -> None:
    hook.refuse(404)
    with alerted.environment() as settings, pytest.raises(LayersEtlError, match="it answered 404"):
        send_test(settings)
    with pipeline.environment() as settings, pytest.raises(ConfigurationError, match="LAYERS_NOTIFY_URL is not set"):
        send_test(settings)

"""An operator in the browser: the same definitions, the same instance, the same warehouse."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import httpx
import pytest
from playwright.sync_api import sync_playwright

from layers_etl.domain.days import ONE_DAY, DayWindow
from layers_etl.sandbox.server import SandboxServer

from ..harness.jobs import DOWNSTREAM, METRICS_ASSETS, DagsterPipeline
from ..harness.worlds import SMALL

CHROMIUM = shutil.which("chromium")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium"),
]

TODAY = datetime.now(UTC).date()
"""The UI offers the days of the real calendar, so here the simulated API follows the real clock."""

RANGE = DayWindow(TODAY - timedelta(days=20), TODAY - timedelta(days=13))


def wait_until(true: Callable[[], bool], seconds: float) -> None:
    """Look again every second."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(1)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterPipeline]:
    """An empty warehouse in front of a simulated API."""
    with SandboxServer(SMALL) as sandbox:
        yield DagsterPipeline(sandbox, tmp_path_factory.mktemp("data"), TODAY - timedelta(days=30))


@pytest.fixture(scope="module")
def address(pipeline: DagsterPipeline, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """``layers-etl dev``, answering."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("dev") / "log"
    executable = Path(sys.executable).with_name("layers-etl")
    with pipeline.environment(), log.open("wb") as output:
        server = subprocess.Popen([executable, "dev", "--port", str(port)], stdout=output, stderr=output)
    base = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert server.poll() is None, log.read_text()
        try:
            return httpx.get(f"{base}/server_info", timeout=2, verify=False).status_code == 200
        except httpx.TransportError:
            return False

    try:
        wait_until(answers, 120)
        yield base
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(60)


def test_a_backfill_launched_in_the_ui_is_one_run_that_leaves_nothing_stale(
    pipeline: DagsterPipeline, address: str
) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1700, "height": 1200})
        page.goto(f"{address}/locations/layers_etl/asset-groups/metrics")
        page.get_by_text("campaign_metrics", exact=True).first.click()
        page.get_by_text("ad_account_metrics", exact=True).first.click(modifiers=["Shift"])
        page.get_by_role("button", name="Materialize selected (2)").click()
        # The listings were never materialized; the metrics list by themselves.
        page.get_by_role("button", name="Confirm").click()
        box = page.locator("[role=dialog] input[type=text]").first
        box.fill(f"[{RANGE.since}...{RANGE.until - ONE_DAY}]")
        box.press("Enter")
        page.get_by_role("button", name="Launch backfill").click()
        wait_until(lambda: [run.is_finished for run in pipeline.runs()] == [True], 120)
        browser.close()

    assert [run.status for run in pipeline.runs()] == [dg.DagsterRunStatus.SUCCESS]
    assert pipeline.query("SELECT kind FROM ops.runs") == [{"kind": "backfill"}]
    for asset in METRICS_ASSETS:
        assert pipeline.partition_states(asset) == dict.fromkeys(RANGE, "MATERIALIZED")
    assert {asset: pipeline.materializations(asset) for asset in DOWNSTREAM} == dict.fromkeys(DOWNSTREAM, 1)
    for table in ("ads.campaign_metrics", "marts.campaign_daily", "marts.ad_account_daily"):
        assert {row["day"] for row in pipeline.query(f"SELECT DISTINCT day FROM {table}")} == set(RANGE)


def test_a_run_of_the_command_line_shows_on_the_timeline_and_on_the_page_of_its_job(
    pipeline: DagsterPipeline, address: str
) -> None:
    assert pipeline.run().code == 0
    run_id = pipeline.runs()[-1].run_id
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(f"{address}/overview/activity/timeline")
        page.get_by_text("refresh", exact=True).first.wait_for()
        page.goto(f"{address}/locations/layers_etl/jobs/refresh/runs")
        page.get_by_text(run_id[:8], exact=True).wait_for()
        browser.close()

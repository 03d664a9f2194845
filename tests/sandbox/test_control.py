"""Steering the sandbox: its clock, its faults, its log, its world; and running it in the foreground."""

import re
import signal
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from inspect import signature
from typing import Any

import httpx
import pytest

from layers_etl.sandbox.auth import KEYS
from layers_etl.sandbox.clock import Clock
from layers_etl.sandbox.effects import EFFECTS
from layers_etl.sandbox.entities import Scope
from layers_etl.sandbox.faults import Fault
from layers_etl.sandbox.server import SandboxServer

from .reader import NOW, Reader

DAY = {"since": "2026-03-10", "until": "2026-03-11"}


def change(client: Reader, op: str, **fields: Any) -> str:
    response = client.post("/sandbox/world", json={"op": op, **fields})
    assert response.status_code == 200, response.text
    return response.json()["id"]


def row(client: Reader, scope: str, entity_id: str) -> dict[str, Any]:
    (row,) = client.metrics(scope, entity_id, **DAY)["series"]
    return row


def test_the_clock_stands_still_until_it_is_set_and_todays_numbers_follow_it(client: Reader):
    campaign_id = client.campaign()["campaignId"]
    today = {"since": "2026-04-01"}
    morning = client.metrics("campaign", campaign_id, **today)
    assert client.get("/sandbox/clock").json() == {"now": "2026-04-01T06:00:00Z"}
    assert client.metrics("campaign", campaign_id, **today) == morning
    assert client.put("/sandbox/clock", json={"now": "2026-04-01T18:00:00Z"}).status_code == 200
    evening = client.metrics("campaign", campaign_id, **today)
    assert evening["totals"]["spend"] == pytest.approx(3 * morning["totals"]["spend"], rel=0.01)


def test_a_clock_without_an_instant_follows_the_real_time():
    assert abs(Clock().now() - datetime.now(UTC)) < timedelta(seconds=5)
    with pytest.raises(ValueError, match="time zone"):
        Clock(datetime(2026, 4, 1))  # noqa: DTZ001 - that it is refused is the point


def test_the_log_tells_what_was_asked_and_forgets_it_on_demand(sandbox: SandboxServer, client: Reader):
    client.ask("campaign", "cmp_nothing", metrics=["spend", "reach"])
    (listed, asked) = sandbox.requests()
    assert listed.path == "/v1/projects"
    assert (asked.method, asked.status, asked.at) == ("GET", 404, NOW)
    assert asked.query == (("scope", "campaign"), ("id", "cmp_nothing"), ("metrics", "spend"), ("metrics", "reach"))
    (_, over_http) = client.get("/sandbox/requests").json()["items"]
    assert (over_http["path"], over_http["status"], over_http["at"]) == (asked.path, 404, "2026-04-01T06:00:00Z")
    client.delete("/sandbox/requests")
    assert sandbox.requests() == []


def test_faults_are_put_in_force_and_lifted_over_http(client: Reader):
    rule = {"effect": "status", "parameters": {"status": 502}, "times": 1}
    assert client.post("/sandbox/faults", json=rule).status_code == 200
    assert client.get("/v1/whoami").status_code == 502
    assert client.get("/v1/whoami").status_code == 200
    assert len(client.get("/sandbox/faults").json()["items"]) == 1
    assert client.delete("/sandbox/faults").json() == {"items": []}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {"effect": "nothing"}),
        ("faults", {"effect": "status", "parameters": {"colour": "red"}}),
        ("world", {"op": "nothing"}),
        ("world", {"op": "update_campaign", "campaign_id": "cmp_nothing", "name": "x"}),
        ("world", {"op": "add_campaign", "account_id": "nothing", "first_day": "2026-03-01"}),
        ("world", {"op": "restate_day", "campaign_id": "cmp_nothing", "day": "2026-03-01", "numbers": {"spent": 1}}),
    ],
)
def test_a_control_request_that_makes_no_sense_is_refused_and_says_why(client: Reader, path: str, body: Any):
    response = client.post(f"/sandbox/{path}", json=body)
    assert response.status_code == 422
    assert response.json()["error"]


def test_a_campaign_can_be_renamed_paused_and_rebudgeted_without_touching_its_numbers(client: Reader):
    campaign = client.campaign()
    before = row(client, "campaign", campaign["campaignId"])
    fields = {"name": "Renamed", "status": "paused", "daily_budget_cents": 100}
    change(client, "update_campaign", campaign_id=campaign["campaignId"], **fields)
    after = client.campaign("Renamed")
    assert (after["status"], after["dailyBudgetCents"]) == ("paused", 100)
    assert row(client, "campaign", campaign["campaignId"]) == before


def test_an_account_can_change_its_currency_and_time_zone(client: Reader):
    account_id = client.account()["adAccountId"]
    change(client, "update_account", account_id=account_id, currency="CHF", timezone="Europe/Zurich")
    assert (client.account()["currency"], client.account()["timezone"]) == ("CHF", "Europe/Zurich")


def test_a_removed_campaign_is_gone_with_its_children_but_its_account_keeps_the_money(client: Reader):
    campaign = client.campaign()
    adset_id = client.items("adsets", campaignId=campaign["campaignId"])[0]["adsetId"]
    before = row(client, "ad_account", campaign["adAccountId"])
    change(client, "remove_campaign", campaign_id=campaign["campaignId"])
    assert campaign not in client.items("campaigns")
    assert client.ask("campaign", campaign["campaignId"]).status_code == 404
    assert client.ask("adset", adset_id).status_code == 404
    assert row(client, "ad_account", campaign["adAccountId"]) == before
    change(client, "restore_campaign", campaign_id=campaign["campaignId"])
    assert campaign in client.items("campaigns")


def test_an_added_campaign_is_listed_and_counts_in_its_account(client: Reader):
    account_id = client.account()["adAccountId"]
    before = row(client, "ad_account", account_id)
    campaign_id = change(client, "add_campaign", account_id=account_id, first_day="2026-03-01", name="Extra")
    assert client.campaign("Extra")["campaignId"] == campaign_id
    own = row(client, "campaign", campaign_id)
    assert row(client, "ad_account", account_id)["spend"] == pytest.approx(before["spend"] + own["spend"])


def test_an_overridden_day_differs_at_its_own_scope_only(client: Reader):
    campaign = client.campaign()
    campaign_id, account_id = campaign["campaignId"], campaign["adAccountId"]
    account = row(client, "ad_account", account_id)
    override = {"scope": "campaign", "entity_id": campaign_id, "day": "2026-03-10"}
    change(client, "override_day", **override, numbers={"spend_cents": 123_456})
    assert row(client, "campaign", campaign_id)["spend"] == 1234.56
    assert row(client, "ad_account", account_id) == account
    change(client, "override_day", **override, copies=0)
    assert client.metrics("campaign", campaign_id, **DAY)["series"] == []
    change(client, "override_day", **override, copies=2)
    doubled = client.metrics("campaign", campaign_id, **DAY)
    assert len(doubled["series"]) == 2
    assert doubled["totals"]["spend"] == doubled["series"][0]["spend"]


def test_a_restated_day_changes_for_the_campaign_its_parents_and_its_children(sandbox: SandboxServer, client: Reader):
    campaign = client.campaign()
    campaign_id, account_id = campaign["campaignId"], campaign["adAccountId"]
    before, account = row(client, "campaign", campaign_id), row(client, "ad_account", account_id)
    sandbox.world.restate_day(campaign_id, date(2026, 3, 10), conversions=before["conversions"] + 5)
    assert row(client, "campaign", campaign_id)["conversions"] == before["conversions"] + 5
    assert row(client, "ad_account", account_id)["conversions"] == account["conversions"] + 5
    adsets = client.items("adsets", campaignId=campaign_id)
    children = [row(client, "adset", adset["adsetId"])["conversions"] for adset in adsets]
    assert sum(children) == before["conversions"] + 5


def test_the_truth_of_a_day_is_what_is_served(sandbox: SandboxServer, client: Reader):
    campaign_id = client.campaign()["campaignId"]
    truth = sandbox.world.settled_campaign_day(campaign_id, date(2026, 3, 10))
    served = row(client, "campaign", campaign_id)
    assert truth is not None
    assert truth[:4] == (
        round(served["spend"] * 100),
        served["impressions"],
        served["clicks"],
        served["conversions"],
    )
    assert truth == sandbox.world.activity(Scope.CAMPAIGN, campaign_id, date(2026, 3, 10), NOW)


def test_a_stalled_request_does_not_keep_the_server_from_stopping():
    with SandboxServer(now=NOW) as server, Reader(server.url) as client:
        server.add_fault(Fault(effect="stalled", parameters={"seconds": 60}))
        with pytest.raises(httpx.ReadTimeout):
            client.get("/v1/whoami", timeout=0.05)
        began = time.monotonic()
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("stop", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM])
def test_in_the_foreground_it_says_where_it_listens_and_stops_cleanly_on_a_signal(stop: signal.Signals):
    program = (
        "from layers_etl.sandbox.server import serve; from layers_etl.sandbox.world import WorldConfig; "
        "serve(WorldConfig(), port=0, now=None, requests_per_minute=None)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None and run.stderr is not None
        url = re.search(r"http://[\d.:]+", run.stdout.readline())
        assert url is not None
        headers = {"Authorization": "Bearer lp_test_sandbox"}
        assert httpx.get(f"{url[0]}/v1/whoami", headers=headers).status_code == 200
        run.send_signal(stop)
        assert run.wait(timeout=5) == 0
        assert "Bearer lp_test_sandbox" in run.stdout.read()
        assert run.stderr.read() == ""


@pytest.mark.slow
def test_its_help_tells_every_key_with_its_purpose_and_every_effect_with_what_it_does():
    program = "import sys; sys.argv = ['layers-etl', 'sandbox', '--help']; from layers_etl.cli.app import main; main()"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    for key, known in KEYS.items():
        assert re.search(rf"^  {key} +{re.escape(known.purpose)}$", told, re.MULTILINE)
    for name, effect in EFFECTS.items():
        assert re.search(rf"^  {name} +{re.escape((effect.__doc__ or '').splitlines()[0])}$", told, re.MULTILINE)


@pytest.mark.slow
def test_the_help_of_the_whole_command_line_does_not_load_the_sandbox():
    program = (
        "import sys; sys.argv = ['layers-etl', '--help']\n"
        "from layers_etl.cli.app import main\n"
        "try: main()\n"
        "finally: assert not any(name.startswith('layers_etl.sandbox') for name in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("effect", EFFECTS)
def test_every_parameter_of_an_effect_is_told_of_in_its_docstring(effect: str):
    own = [name for name, known in signature(EFFECTS[effect]).parameters.items() if known.kind is known.KEYWORD_ONLY]
    assert [name for name in own if f"`{name}`" not in (EFFECTS[effect].__doc__ or "")] == []

"""`ads-metrics`, sentence by sentence of the vendor's page, over HTTP."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers_etl.sandbox.entities import Scope
from layers_etl.sandbox.metrics import Metric
from layers_etl.sandbox.server import SandboxServer

from ..examples import examples
from .reader import NOW, Reader

EVERY_METRIC = [metric.value for metric in Metric]
WINDOW = {"since": "2026-03-02", "until": "2026-03-16"}


def buckets(payload: dict[str, Any]) -> list[str]:
    return [row["bucket"] for row in payload["series"]]


def test_a_request_like_the_pages_example_has_an_answer_like_the_pages_example(reader: Reader):
    campaign = reader.campaign()
    payload = reader.metrics("campaign", campaign["campaignId"], metrics=["spend", "cpa", "roas"], **WINDOW)
    assert list(payload) == ["scope", "id", "platform", "window", "series", "totals"]
    assert payload["window"] == {
        "since": "2026-03-02T00:00:00Z",
        "until": "2026-03-16T00:00:00Z",
        "granularity": "day",
    }
    assert list(payload["series"][0]) == ["bucket", "spend", "conversions", "cpa", "roas"]
    assert list(payload["totals"]) == ["spend", "conversions", "cpa", "roas", "impressions", "clicks", "ctr"]


@pytest.mark.parametrize("scope", ["campaign", "adset", "ad"])
def test_below_the_account_the_default_bundle_has_six_metrics(reader: Reader, scope: str):
    item = reader.campaign()
    if scope != "campaign":
        item = reader.items(f"{scope}s", campaignId=item["campaignId"])[0]
    payload = reader.metrics(scope, item[f"{scope}Id"], **WINDOW)
    assert list(payload["series"][0]) == ["bucket", "spend", "impressions", "clicks", "conversions", "cpa", "roas"]


def test_account_and_project_have_four_metrics_by_default(reader: Reader):
    for scope, entity_id in (("ad_account", reader.account()["adAccountId"]), ("project", reader.project_id)):
        payload = reader.metrics(scope, entity_id, **WINDOW)
        assert list(payload["series"][0]) == ["bucket", "spend", "conversions", "cpa", "roas"]


@pytest.mark.parametrize("platform", ["meta_ads", "tiktok_ads", "apple_ads"])
@pytest.mark.parametrize("granularity", ["day", "week"])
def test_every_ratio_follows_from_the_served_primitives(reader: Reader, platform: str, granularity: str):
    payload = reader.metrics(
        "campaign",
        reader.campaign(platform=platform)["campaignId"],
        metrics=EVERY_METRIC,
        granularity=granularity,
        **WINDOW,
    )
    for row in [*payload["series"], payload["totals"]]:
        assert row["cpa"] == pytest.approx(row["spend"] / max(row["conversions"], 1), abs=0.0051)
        assert row["cpc"] == pytest.approx(row["spend"] / max(row["clicks"], 1), abs=0.0051)
        assert row["cpm"] == pytest.approx(row["spend"] / max(row["impressions"], 1) * 1000, abs=0.0051)
        assert row["ctr"] == pytest.approx(row["clicks"] / max(row["impressions"], 1), abs=5.1e-5)
        for amount in ("spend", "cpa", "cpc", "cpm"):
            assert row[amount] == round(row[amount], 2)
        if platform == "meta_ads":
            assert row["frequency"] == pytest.approx(row["impressions"] / max(row["reach"], 1), abs=0.0051)
        else:
            assert row["frequency"] is None


def test_roas_is_the_conversion_value_over_spend_and_null_where_none_is_reported(still: SandboxServer, reader: Reader):
    campaign_id = reader.campaign()["campaignId"]
    payload = reader.metrics("campaign", campaign_id, **WINDOW)
    for row in payload["series"]:
        truth = still.world.activity(Scope.CAMPAIGN, campaign_id, date.fromisoformat(row["bucket"]), NOW)
        assert truth is not None and truth.value_cents is not None
        assert row["roas"] == round(truth.value_cents / 100 / max(truth.spend_cents / 100, 0.01), 2)
    leads = reader.metrics("campaign", reader.campaign("Lead Gen")["campaignId"], **WINDOW)
    assert {row["roas"] for row in leads["series"]} == {None}
    assert leads["totals"]["roas"] is None


def test_totals_are_over_the_window_and_its_reach_is_less_than_the_sum(reader: Reader):
    payload = reader.metrics("campaign", reader.campaign()["campaignId"], metrics=EVERY_METRIC, **WINDOW)
    series, totals = payload["series"], payload["totals"]
    assert totals["spend"] == pytest.approx(sum(row["spend"] for row in series))
    for count in ("impressions", "clicks", "conversions"):
        assert totals[count] == sum(row[count] for row in series)
    assert max(row["reach"] for row in series) < totals["reach"] < sum(row["reach"] for row in series)


def test_weeks_begin_on_monday_and_hold_only_days_of_the_window(reader: Reader):
    campaign_id = reader.campaign()["campaignId"]
    window = {"since": "2026-03-05", "until": "2026-03-17"}
    weeks = reader.metrics("campaign", campaign_id, granularity="week", metrics=EVERY_METRIC, **window)
    days = reader.metrics("campaign", campaign_id, metrics=EVERY_METRIC, **window)
    assert buckets(weeks) == ["2026-03-02", "2026-03-09", "2026-03-16"]
    full = days["series"][4:11]
    assert weeks["series"][1]["impressions"] == sum(row["impressions"] for row in full)
    assert weeks["series"][1]["reach"] < sum(row["reach"] for row in full)
    assert weeks["totals"] == days["totals"]


@given(first=st.integers(0, 120), length=st.integers(2, 60), data=st.data())
@settings(max_examples=examples(25), deadline=None)
def test_reading_two_parts_of_a_window_equals_reading_the_whole(
    reader: Reader, first: int, length: int, data: st.DataObject
):
    campaign_id = reader.campaign()["campaignId"]
    start = date(2025, 12, 1) + timedelta(days=first)
    edges = [start, start + timedelta(days=data.draw(st.integers(1, length - 1))), start + timedelta(days=length)]

    def series(since: date, until: date) -> list[dict[str, Any]]:
        return reader.metrics("campaign", campaign_id, since=since, until=until, metrics=EVERY_METRIC)["series"]

    assert series(edges[0], edges[1]) + series(edges[1], edges[2]) == series(edges[0], edges[2])


def test_over_http_too_an_account_is_the_sum_of_its_campaigns_at_any_instant(sandbox: SandboxServer, client: Reader):
    account_id = client.account()["adAccountId"]
    for hours in (30, 500, 1_111, 2_906, 3_333):
        sandbox.set_clock(datetime(2025, 12, 1, tzinfo=UTC) + timedelta(hours=hours))
        account = client.metrics("ad_account", account_id, metrics=["spend", "impressions", "conversions"])
        summed: dict[str, list[float]] = {}
        for campaign in client.items("campaigns", adAccountId=account_id):
            for row in client.metrics("campaign", campaign["campaignId"])["series"]:
                known = summed.setdefault(row["bucket"], [0, 0, 0])
                for place, metric in enumerate(("spend", "impressions", "conversions")):
                    known[place] += row[metric]
        assert buckets(account) == sorted(summed)
        for row in account["series"]:
            assert [row["spend"], row["impressions"], row["conversions"]] == pytest.approx(summed[row["bucket"]])


def test_the_default_window_is_the_last_thirty_days(reader: Reader):
    payload = reader.metrics("campaign", reader.campaign()["campaignId"])
    assert payload["window"]["since"] == "2026-03-02T00:00:00Z"
    assert buckets(payload)[-1] == "2026-04-01"
    assert len(payload["series"]) == 31


def test_since_is_inclusive_until_is_exclusive_and_a_bound_within_a_day_takes_in_that_day(reader: Reader):
    campaign_id = reader.campaign()["campaignId"]
    bare = reader.metrics("campaign", campaign_id, since="2026-03-05", until="2026-03-07")
    instants = reader.metrics("campaign", campaign_id, since="2026-03-05T00:00:00Z", until="2026-03-07T00:00:00Z")
    within = reader.metrics("campaign", campaign_id, since="2026-03-05T13:30Z", until="2026-03-06T00:00:00.5Z")
    assert buckets(bare) == ["2026-03-05", "2026-03-06"]
    assert bare == instants == within


@pytest.mark.parametrize(
    "query",
    [
        {"since": "2026-03-05T00:00:00+00:00"},
        {"since": "2026-03-05T00:00:00"},
        {"since": "2026-02-30"},
        {"since": "yesterday"},
        {"since": "2026-03-07", "until": "2026-03-07"},
        {"granularity": "hour"},
        {"metrics": "spend,roas"},
        {"metrics": "conversionValue"},
        {"platforms": "snap_ads"},
        {"scope": "creative"},
        {"scope": ""},
        {"id": ""},
    ],
)
def test_a_bad_parameter_is_a_validation_error(reader: Reader, query: dict[str, str]):
    asked = {"scope": "campaign", "id": reader.campaign()["campaignId"], **query}
    response = reader.get(f"/v1/projects/{reader.project_id}/ads-metrics", params=asked)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "VALIDATION")


def test_an_organic_metric_is_refused_in_the_pages_words(reader: Reader):
    response = reader.ask("campaign", reader.campaign()["campaignId"], metrics="watch_time_ms")
    assert response.status_code == 400
    assert response.json()["error"]["message"] == "Metric 'watch_time_ms' is organic-only. Use /v1/metrics."


def test_platforms_slice_a_project_and_mean_nothing_to_a_campaign(reader: Reader):
    slices = [
        reader.metrics("project", reader.project_id, platforms=platform, **WINDOW)
        for platform in ("meta_ads", "tiktok_ads", "apple_ads")
    ]
    whole = reader.metrics("project", reader.project_id, **WINDOW)
    assert [payload["platform"] for payload in slices] == ["meta_ads", "tiktok_ads", "apple_ads"]
    assert whole["platform"] is None
    assert whole["totals"]["spend"] == pytest.approx(sum(payload["totals"]["spend"] for payload in slices))
    other = reader.metrics("ad_account", reader.account()["adAccountId"], platforms="apple_ads", **WINDOW)
    assert other["series"] == []
    assert other["totals"]["spend"] == 0 and other["totals"]["roas"] is None
    campaign_id = reader.campaign()["campaignId"]
    assert reader.metrics("campaign", campaign_id, platforms="apple_ads", **WINDOW)["series"]


def test_an_entity_that_is_unknown_or_another_organisations_is_not_found(still: SandboxServer, reader: Reader):
    with Reader(still.url, "lp_test_child") as child:
        foreign_project, foreign = child.project_id, child.campaign()["campaignId"]
    mine = reader.campaign()["campaignId"]
    responses: list[httpx.Response] = [
        reader.ask("campaign", "cmp_nothing"),
        reader.ask("campaign", foreign),
        reader.ask("project", foreign_project),
        reader.get(f"/v1/projects/{foreign_project}/ads-metrics", params={"scope": "campaign", "id": foreign}),
        reader.get("/v1/projects/prj_nothing/ads-metrics", params={"scope": "campaign", "id": mine}),
    ]
    assert {(response.status_code, response.json()["error"]["code"]) for response in responses} == {(404, "NOT_FOUND")}

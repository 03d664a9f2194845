"""What can go wrong, and on which requests."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from math import isnan
from typing import Any

import httpx
import pytest

from layers_etl.sandbox.faults import EFFECTS, Fault
from layers_etl.sandbox.server import SandboxServer

from .reader import NOW, Reader

WINDOW = {"since": "2026-03-02", "until": "2026-03-12"}


@pytest.fixture(scope="module")
def faulty() -> Iterator[SandboxServer]:
    with SandboxServer(now=NOW) as server:
        yield server


@pytest.fixture
def sandbox(faulty: SandboxServer) -> Iterator[SandboxServer]:
    yield faulty
    faulty.clear_faults()


@pytest.fixture
def campaign_id(client: Reader) -> str:
    return client.campaign()["campaignId"]


def inject(sandbox: SandboxServer, effect: str, **parameters: Any) -> None:
    sandbox.add_fault(Fault(effect=effect, parameters=parameters))


def days(payload: dict[str, Any]) -> list[str]:
    return [row["bucket"] for row in payload["series"]]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (500, "INTERNAL"),
        (502, "INTERNAL"),
        (503, "INTERNAL"),
        (504, "INTERNAL"),
        (401, "UNAUTHENTICATED"),
        (403, "FORBIDDEN_SCOPE"),
        (404, "NOT_FOUND"),
        (422, "VALIDATION"),
    ],
)
def test_any_status_can_be_answered_in_the_envelope(sandbox: SandboxServer, client: Reader, status: int, code: str):
    inject(sandbox, "status", status=status)
    response = client.get("/v1/whoami")
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert response.json()["error"]["requestId"] == response.headers["X-Request-Id"]


def test_a_rule_spares_the_first_matches_and_hits_only_so_many(sandbox: SandboxServer, client: Reader):
    sandbox.add_fault(Fault(effect="status", path="whoami$", after=2, times=3))
    assert client.get("/v1/projects").status_code == 200
    assert [client.get("/v1/whoami").status_code for _ in range(7)] == [200, 200, 503, 503, 503, 200, 200]


def test_a_rule_can_be_about_one_entity_one_scope_or_one_parameter(
    sandbox: SandboxServer, client: Reader, campaign_id: str
):
    account_id = client.account()["adAccountId"]
    rules = [
        (Fault(effect="status", entity=campaign_id), "campaign"),
        (Fault(effect="status", scope="ad_account"), "ad_account"),
        (Fault(effect="status", query={"metrics": "reach"}), "campaign"),
    ]
    for rule, hit in rules:
        sandbox.clear_faults()
        sandbox.add_fault(rule)
        campaign = client.ask("campaign", campaign_id, metrics=["spend", "reach"])
        account = client.ask("ad_account", account_id)
        assert (campaign.status_code == 503, account.status_code == 503) == (hit == "campaign", hit == "ad_account")


def test_a_share_hits_the_same_requests_in_any_order(sandbox: SandboxServer, client: Reader):
    def hit(order: list[int]) -> set[int]:
        sandbox.clear_faults()
        sandbox.add_fault(Fault(effect="status", share=0.4))
        return {n for n in order if client.get("/v1/projects", params={"limit": n}).status_code == 503}

    order = list(range(1, 61))
    first = hit(order)
    assert 10 < len(first) < 40
    assert hit(order[::-1]) == first


def test_a_rate_limit_tells_when_to_come_back_in_seconds_as_a_date_or_not_at_all(
    sandbox: SandboxServer, client: Reader
):
    inject(sandbox, "rate_limited", retry_after=7)
    assert client.get("/v1/whoami").headers["Retry-After"] == "7"
    sandbox.clear_faults()
    inject(sandbox, "rate_limited", retry_after=7, as_date=True)
    assert parsedate_to_datetime(client.get("/v1/whoami").headers["Retry-After"]) == NOW + timedelta(seconds=7)
    sandbox.clear_faults()
    inject(sandbox, "rate_limited", retry_after=None)
    response = client.get("/v1/whoami")
    assert response.status_code == 429 and "Retry-After" not in response.headers


def test_a_platform_can_refuse_with_its_own_code(sandbox: SandboxServer, client: Reader):
    inject(sandbox, "platform_error", status=400, platform_code="2635")
    error = client.get("/v1/whoami").json()["error"]
    assert (error["code"], error["details"]) == ("PLATFORM_ERROR", {"platformCode": "2635"})


def test_a_metric_can_be_unavailable_on_one_platform(sandbox: SandboxServer, client: Reader):
    inject(sandbox, "metric_unavailable", metric="reach", platform="apple_ads")
    apple = client.campaign(platform="apple_ads")["campaignId"]
    refused = client.ask("campaign", apple, metrics=["spend", "reach"])
    assert refused.json()["error"]["message"] == "Metric 'reach' is not available for apple_ads."
    assert client.ask("campaign", apple, metrics="spend").status_code == 200
    assert client.ask("campaign", client.campaign()["campaignId"], metrics="reach").status_code == 200


def test_a_long_window_can_be_refused_or_silently_narrowed(sandbox: SandboxServer, client: Reader, campaign_id: str):
    whole = client.metrics("campaign", campaign_id, **WINDOW)
    inject(sandbox, "narrowed_window", days=4)
    narrowed = client.metrics("campaign", campaign_id, **WINDOW)
    assert narrowed["window"]["until"] == "2026-03-06T00:00:00Z"
    assert narrowed["series"] == whole["series"][:4]
    assert narrowed["totals"]["spend"] == pytest.approx(sum(row["spend"] for row in narrowed["series"]))
    sandbox.clear_faults()
    inject(sandbox, "window_too_long", days=4)
    assert client.ask("campaign", campaign_id, **WINDOW).json()["error"]["code"] == "VALIDATION"
    assert client.ask("campaign", campaign_id, since="2026-03-02", until="2026-03-06").status_code == 200


def test_a_connection_can_break_within_the_body(sandbox: SandboxServer, client: Reader):
    inject(sandbox, "reset", after=10)
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/v1/whoami")


def test_an_answer_can_come_late(sandbox: SandboxServer, client: Reader):
    inject(sandbox, "stalled", seconds=0.2)
    began = time.monotonic()
    assert client.get("/v1/whoami").status_code == 200
    assert time.monotonic() - began >= 0.2
    with pytest.raises(httpx.ReadTimeout):
        client.get("/v1/whoami", timeout=0.05)


def test_a_body_can_be_cut_html_or_of_another_type(sandbox: SandboxServer, client: Reader):
    inject(sandbox, "truncated")
    with pytest.raises(json.JSONDecodeError):
        client.get("/v1/whoami").json()
    sandbox.clear_faults()
    inject(sandbox, "html")
    page = client.get("/v1/whoami")
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    sandbox.clear_faults()
    inject(sandbox, "content_type", value="text/plain")
    assert client.get("/v1/whoami").headers["Content-Type"].startswith("text/plain")


def test_the_date_can_be_ahead_of_the_clock(sandbox: SandboxServer, client: Reader):
    inject(sandbox, "clock_skew", seconds=600)
    dates = client.get("/v1/whoami").headers.get_list("Date")
    assert [parsedate_to_datetime(text) for text in dates] == [NOW + timedelta(minutes=10)]


def test_buckets_can_be_unordered_doubled_missing_or_outside_the_window(
    sandbox: SandboxServer, client: Reader, campaign_id: str
):
    good = days(client.metrics("campaign", campaign_id, **WINDOW))
    for effect, expected in (
        ("unordered_buckets", good[::-1]),
        ("duplicated_buckets", good[:1] + good),
        ("missing_buckets", good[1:]),
        ("buckets_outside", ["2026-03-01", *good]),
    ):
        sandbox.clear_faults()
        inject(sandbox, effect)
        assert days(client.metrics("campaign", campaign_id, **WINDOW)) == expected


SPOILT: dict[str, Callable[[Any], bool]] = {
    "numbers_as_strings": lambda value: isinstance(value, str) and float(value) >= 0,
    "null_numbers": lambda value: value is None,
    "nan_numbers": isnan,
    "text_numbers": lambda value: value == "not available",
    "negative_numbers": lambda value: value < 0,
    "fractional_numbers": lambda value: value % 1 == 0.5,
    "absurd_numbers": lambda value: value == 1e300,
}


@pytest.mark.parametrize("effect", SPOILT)
def test_the_numbers_of_one_metric_can_be_spoilt(sandbox: SandboxServer, client: Reader, campaign_id: str, effect: str):
    good = client.metrics("campaign", campaign_id, **WINDOW)
    inject(sandbox, effect, metric="clicks")
    spoilt = client.metrics("campaign", campaign_id, **WINDOW)
    assert all(SPOILT[effect](row["clicks"]) for row in spoilt["series"])
    assert [row["spend"] for row in spoilt["series"]] == [row["spend"] for row in good["series"]]


def test_answers_can_hold_fields_statuses_and_platforms_no_one_has_heard_of(
    sandbox: SandboxServer, client: Reader, campaign_id: str
):
    inject(sandbox, "unknown_fields")
    inject(sandbox, "unknown_status", value="learning")
    inject(sandbox, "new_platform", platform="snap_ads")
    campaign = client.items("campaigns")[0]
    assert (campaign["status"], campaign["platform"], campaign["futureField"]) == ("learning", "snap_ads", "new")
    metrics = client.metrics("campaign", campaign_id, **WINDOW)
    assert (metrics["platform"], metrics["series"][0]["futureField"]) == ("snap_ads", "new")


def test_pages_can_overlap_and_lists_can_go_round(sandbox: SandboxServer, client: Reader):
    path = f"/v1/projects/{client.project_id}/ads/campaigns"
    first = client.get(path, params={"limit": 5}).json()
    inject(sandbox, "overlapping_pages", by=2)
    second = client.get(path, params={"limit": 5, "cursor": first["nextCursor"]}).json()
    assert second["items"][:2] == first["items"][-2:]
    sandbox.clear_faults()
    inject(sandbox, "circular_cursor")
    last = client.get(path, params={"limit": 200}).json()
    assert last["nextCursor"] is not None
    assert client.get(path, params={"limit": 5, "cursor": last["nextCursor"]}).json()["items"] == first["items"]


@pytest.mark.parametrize("effect", EFFECTS)
def test_every_effect_works_on_every_endpoint_without_parameters(
    sandbox: SandboxServer, client: Reader, campaign_id: str, effect: str
):
    client.metrics("campaign", campaign_id)
    sandbox.add_fault(Fault(effect=effect, parameters={"seconds": 0} if effect == "stalled" else {}))
    for path in ("/v1/whoami", "/v1/projects", f"/v1/projects/{client.project_id}/ads-metrics"):
        try:
            response = client.get(path, params={"scope": "campaign", "id": campaign_id})
        except httpx.RemoteProtocolError:
            assert effect == "reset"
        else:
            assert response.status_code != 500


@pytest.mark.parametrize(
    "rule",
    [
        {"effect": "nothing"},
        {"effect": "status", "parameters": {"colour": "red"}},
        {"effect": "status", "path": "("},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rule: dict[str, Any]):
    with pytest.raises(ValueError, match="effect"):
        Fault(**rule)

"""What can go wrong, and on which requests."""

import gzip
import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from math import isnan
from typing import Any

import httpx
import pytest

from layers_etl.sandbox.effects import EFFECTS
from layers_etl.sandbox.faults import Fault
from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import ORGANIZATION

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

    order = list(range(1, 31))
    first = hit(order)
    assert 4 < len(first) < 20
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


def test_a_refusal_can_quote_a_metric_or_only_use_a_word_that_is_one(
    sandbox: SandboxServer, client: Reader, campaign_id: str
):
    inject(sandbox, "refused_metric", metric="reach")
    assert "'reach'" in client.ask("campaign", campaign_id, metrics=["spend", "reach"]).json()["error"]["message"]
    assert client.ask("campaign", campaign_id, metrics="spend").status_code == 200
    sandbox.clear_faults()
    inject(sandbox, "window_out_of_reach", days=7)
    refused = client.ask("campaign", campaign_id, metrics="spend", **WINDOW).json()["error"]
    assert (refused["code"], refused["message"]) == ("VALIDATION", "The window is out of reach: at most 7 days.")
    assert client.ask("campaign", campaign_id, since="2026-03-02", until="2026-03-09").status_code == 200


@pytest.mark.parametrize("details", [None, [], "text"])
def test_the_envelope_of_a_refusal_can_hold_odd_details_or_no_message(
    sandbox: SandboxServer, client: Reader, details: Any
):
    inject(sandbox, "odd_details", details=details, null_message=True)
    error = client.get("/v1/projects/prj_nothing").json()["error"]
    assert (error["code"], error["details"], error["message"]) == ("NOT_FOUND", details, None)
    assert client.get("/v1/whoami").status_code == 200


def test_a_platform_can_fall_silent_from_a_day_on(sandbox: SandboxServer, client: Reader, campaign_id: str):
    whole = client.metrics("campaign", campaign_id, **WINDOW)
    inject(sandbox, "silent_from", day="2026-03-06")
    silent = client.metrics("campaign", campaign_id, **WINDOW)
    assert silent["window"] == whole["window"]
    assert silent["series"] == whole["series"][:4]
    assert silent["totals"]["spend"] == pytest.approx(sum(row["spend"] for row in silent["series"]))
    after = client.metrics("campaign", campaign_id, since="2026-03-06", until="2026-03-12")
    assert (after["series"], after["totals"]["spend"]) == ([], 0)
    assert after["window"]["since"] == "2026-03-06T00:00:00Z"


def test_a_copy_can_be_older_than_the_one_that_is_served(sandbox: SandboxServer, client: Reader, campaign_id: str):
    now = sandbox.clock.now()
    sandbox.set_clock(now - timedelta(hours=30))
    before = client.metrics("campaign", campaign_id, since="2026-03-01")
    sandbox.set_clock(now)
    inject(sandbox, "older_copy", hours=30)
    assert client.metrics("campaign", campaign_id, since="2026-03-01")["series"] == before["series"]


@pytest.mark.parametrize("keep_last", [True, False])
def test_a_series_can_be_cut_under_its_whole_window_and_the_totals_of_all(
    sandbox: SandboxServer, client: Reader, campaign_id: str, keep_last: bool
):
    whole = client.metrics("campaign", campaign_id, **WINDOW)
    inject(sandbox, "truncated_series", rows=4, keep_last=keep_last)
    cut = client.metrics("campaign", campaign_id, **WINDOW)
    assert cut == {**whole, "series": whole["series"][-4:] if keep_last else whole["series"][:4]}


def test_weeks_can_begin_on_sunday(sandbox: SandboxServer, client: Reader, campaign_id: str):
    asked = {"metrics": ["impressions", "reach"], "since": "2026-03-02", "until": "2026-03-16"}
    daily = client.metrics("campaign", campaign_id, **asked)
    monday = client.metrics("campaign", campaign_id, granularity="week", **asked)
    inject(sandbox, "sunday_weeks")
    weekly = client.metrics("campaign", campaign_id, granularity="week", **asked)
    assert days(weekly) == ["2026-03-01", "2026-03-08", "2026-03-15"]
    assert (weekly["window"], weekly["totals"]) == (monday["window"], monday["totals"])
    for row, part in zip(weekly["series"], (slice(0, 6), slice(6, 13), slice(13, 14)), strict=True):
        assert row["impressions"] == sum(day["impressions"] for day in daily["series"][part])
    assert client.metrics("campaign", campaign_id, **asked) == daily


@pytest.mark.parametrize("value", [-3.2, 0.5, 1e300, 12_500_000_000, None, "many"])
def test_one_number_of_one_day_can_be_spoilt(sandbox: SandboxServer, client: Reader, campaign_id: str, value: Any):
    good = client.metrics("campaign", campaign_id, **WINDOW)
    inject(sandbox, "odd_days", day="2026-03-04", metric="conversions", value=value)
    spoilt = client.metrics("campaign", campaign_id, **WINDOW)
    good["series"][2]["conversions"] = value
    assert spoilt == good


def test_a_day_can_have_counts_and_no_price(sandbox: SandboxServer, client: Reader, campaign_id: str):
    good = client.metrics("campaign", campaign_id, **WINDOW)
    inject(sandbox, "unpriced_day", day="2026-03-04")
    answer = client.metrics("campaign", campaign_id, **WINDOW)
    row = answer["series"].pop(2)
    assert (row["spend"], row["cpa"], row["roas"]) == (None, None, None)
    assert row["impressions"] == good["series"].pop(2)["impressions"] > 0
    assert answer["series"] == good["series"]
    assert answer["totals"]["spend"] == pytest.approx(sum(priced["spend"] for priced in good["series"]))


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


def test_a_small_body_can_unpack_to_a_stated_size(sandbox: SandboxServer, client: Reader):
    plain = client.get("/v1/whoami")
    inject(sandbox, "bomb", megabytes=3)
    with client.stream("GET", "/v1/whoami") as response:
        packed = b"".join(response.iter_raw())
    assert len(packed) < 20_000
    unpacked = gzip.decompress(packed)
    assert len(unpacked) == len(plain.content) + 3 * 2**20
    assert json.loads(unpacked) == plain.json()
    assert client.get("/v1/whoami").json() == plain.json()


def test_a_body_can_come_in_pieces_a_while_apart(sandbox: SandboxServer, client: Reader):
    plain = client.get("/v1/whoami")
    inject(sandbox, "trickle", seconds=0.01, size=40)
    began = time.monotonic()
    assert client.get("/v1/whoami").json() == plain.json()
    assert time.monotonic() - began >= 0.01 * (len(plain.content) // 40)
    inject(sandbox, "reset", after=90)
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/v1/whoami")


def test_the_date_can_be_ahead_of_the_clock_behind_it_anywhere_or_no_date(sandbox: SandboxServer, client: Reader):
    def dates() -> list[str]:
        return client.get("/v1/whoami").headers.get_list("Date")

    for seconds in (600, -90_000):
        sandbox.clear_faults()
        inject(sandbox, "clock_skew", seconds=seconds)
        assert [parsedate_to_datetime(text) for text in dates()] == [NOW + timedelta(seconds=seconds)]
    sandbox.clear_faults()
    inject(sandbox, "wrong_date", date="9999-12-31T23:59:59Z")
    assert dates() == ["Fri, 31 Dec 9999 23:59:59 GMT"]
    sandbox.clear_faults()
    inject(sandbox, "wrong_date", date="yesterday", is_text=True)
    assert dates() == ["yesterday"]


def test_headers_can_tell_of_an_allowance_that_is_used_up_though_nothing_is_refused(
    sandbox: SandboxServer, client: Reader
):
    inject(sandbox, "exhausted_headers", reset=60)
    for path in ("/v1/whoami", "/v1/projects", "/v1/projects/prj_nothing"):
        response = client.get(path)
        assert response.status_code in (200, 404)
        assert (response.headers["X-RateLimit-Remaining"], response.headers["X-RateLimit-Reset"]) == ("0", "60")


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


ODD_VALUES = ["Spring \ud83d", 18446744073709551615, 10**300, None, True, [1, {}], {"a": "\0"}, "x" * 100_000]


@pytest.mark.parametrize("value", ODD_VALUES, ids=lambda value: repr(value)[:20])
def test_any_field_of_an_item_can_hold_any_json(sandbox: SandboxServer, client: Reader, value: Any):
    campaigns = client.items("campaigns")
    hit = campaigns[3]["campaignId"]
    inject(sandbox, "odd_field", field="dailyBudgetCents", value=value, item=hit)
    assert client.items("campaigns") == [
        {**item, "dailyBudgetCents": value} if item["campaignId"] == hit else item for item in campaigns
    ]
    assert client.get("/sandbox/faults").json()["items"][0]["parameters"]["value"] == value


def test_a_field_can_hold_bytes_as_they_are_sent(sandbox: SandboxServer, client: Reader):
    inject(sandbox, "odd_field", field="newField", raw="1e999")
    body = client.get(f"/v1/projects/{client.project_id}/ads/ad-accounts").text
    assert body.count('"newField":1e999') == 3
    rule = b'{"effect":"odd_field","parameters":{"field":"name","raw":"\\"Spring \\\\ud83d\\""}}'
    assert client.post("/sandbox/faults", content=rule).status_code == 200
    assert client.items("ad-accounts")[0]["name"] == "Spring \ud83d"


@pytest.mark.parametrize(("what", "key"), [("campaigns", "campaignId"), ("adsets", "adsetId"), ("ads", "adId")])
def test_an_item_can_lack_its_own_id(sandbox: SandboxServer, client: Reader, what: str, key: str):
    good = client.items(what)
    inject(sandbox, "missing_id", count=2)
    for place, item in enumerate(client.items(what)):
        expected = dict(good[place])
        if place < 2:
            del expected[key]
        assert item == expected


def test_answers_can_hold_ids_without_their_prefix(sandbox: SandboxServer, client: Reader, campaign_id: str):
    organization, project_id, account = ORGANIZATION.removeprefix("org_"), client.project_id, client.account()
    inject(sandbox, "bare_ids")
    assert client.get("/v1/whoami").json()["organizationId"] == organization
    assert client.get("/v1/projects").json()["items"][0]["id"] == project_id.removeprefix("prj_")
    assert client.metrics("campaign", campaign_id, **WINDOW)["id"] == campaign_id.removeprefix("cmp_")
    assert client.campaign()["campaignId"] == campaign_id.removeprefix("cmp_")
    assert client.account() == account, "the platforms' own ids keep what looks like a prefix"


def test_a_listing_can_go_on_for_ever_with_new_items(sandbox: SandboxServer, client: Reader):
    path = f"/v1/projects/{client.project_id}/ads/campaigns"
    first = client.get(path, params={"limit": 5}).json()
    inject(sandbox, "endless_listing")
    seen: list[str] = []
    page = client.get(path, params={"limit": 5}).json()
    assert page["items"] == first["items"]
    for _ in range(20):
        seen += [item["campaignId"] for item in page["items"]]
        page = client.get(path, params={"limit": 5, "cursor": page["nextCursor"]}).json()
    assert len(seen) == len(set(seen)) == 100


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


BRIEFLY: dict[str, dict[str, Any]] = {
    "stalled": {"seconds": 0},
    "trickle": {"seconds": 0},
    "bomb": {"megabytes": 1},
}
"""Parameters of those effects that would take long."""


@pytest.mark.parametrize("effect", EFFECTS)
def test_every_effect_works_on_every_endpoint_without_parameters(
    sandbox: SandboxServer, client: Reader, campaign_id: str, effect: str
):
    client.metrics("campaign", campaign_id)
    sandbox.add_fault(Fault(effect=effect, parameters=BRIEFLY.get(effect, {})))
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

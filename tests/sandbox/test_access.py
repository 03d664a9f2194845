"""Keys, organisations, rate limits and what every response carries."""

import re
import time
from email.utils import parsedate_to_datetime

import httpx
import pytest

from layers_etl.sandbox.auth import DEFAULT_KEY
from layers_etl.sandbox.errors import ApiError
from layers_etl.sandbox.ratelimit import TokenBucket
from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import CHILD_ORGANIZATION, ORGANIZATION, Generation, WorldConfig

from .reader import NOW, Reader


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "lp_test_sandbox"},
        {"Authorization": "Basic lp_test_sandbox"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer sk_test_sandbox"},
        {"Authorization": "Bearer lp_test_nobody"},
        {"Authorization": "Bearer lp_test_revoked"},
    ],
)
def test_a_missing_malformed_unknown_or_revoked_key_is_unauthenticated(still: SandboxServer, headers: dict[str, str]):
    assert code(httpx.get(f"{still.url}/v1/whoami", headers=headers)) == (401, "UNAUTHENTICATED")


def test_each_list_and_the_metrics_need_their_own_permission(still: SandboxServer, reader: Reader):
    campaign_id = reader.campaign()["campaignId"]
    with Reader(still.url, "lp_test_noscope") as client:
        assert code(client.ask("campaign", campaign_id)) == (403, "FORBIDDEN_SCOPE")
        assert client.items("campaigns")
    with Reader(still.url, "lp_test_noads") as client:
        assert client.metrics("campaign", campaign_id)["series"]
        for what in ("ad-accounts", "campaigns", "adsets", "ads"):
            response = client.get(f"/v1/projects/{reader.project_id}/ads/{what}")
            assert code(response) == (403, "FORBIDDEN_SCOPE")


def test_whoami_tells_who_but_never_the_key(reader: Reader):
    response = reader.get("/v1/whoami")
    assert response.json()["organizationId"] == ORGANIZATION
    assert response.json()["rateLimitTier"] == "partner"
    assert response.json()["scopes"] == ["ads:read", "metrics:read", "projects:read"]
    assert DEFAULT_KEY not in response.text


def test_projects_need_a_permission_of_their_own(still: SandboxServer, reader: Reader):
    campaign_id = reader.campaign()["campaignId"]
    with Reader(still.url, "lp_test_noprojects") as client:
        for path in ("/v1/projects", f"/v1/projects/{reader.project_id}"):
            refused = client.get(path)
            assert code(refused) == (403, "FORBIDDEN_SCOPE")
            assert "projects:read" in refused.json()["error"]["message"]
        path = f"/v1/projects/{reader.project_id}/ads-metrics"
        assert client.get(path, params={"scope": "campaign", "id": campaign_id}).status_code == 200


@pytest.mark.parametrize(("key", "listed"), [("lp_test_full", ["*"]), ("lp_test_unlisted", [])])
def test_the_scopes_that_whoami_lists_need_not_be_what_the_key_may_do(
    still: SandboxServer, key: str, listed: list[str]
):
    with Reader(still.url, key) as client:
        assert client.get("/v1/whoami").json()["scopes"] == listed
        assert client.metrics("campaign", client.campaign()["campaignId"])["series"]


def test_a_suspended_organisation_is_refused_everywhere(still: SandboxServer, reader: Reader):
    paths = ["/v1/whoami", "/v1/projects", f"/v1/projects/{reader.project_id}/ads/campaigns"]
    with Reader(still.url, "lp_test_suspended") as client:
        assert {code(client.get(path)) for path in paths} == {(503, "KILL_SWITCH")}


def test_a_live_key_reads_the_same_organisation(still: SandboxServer, reader: Reader):
    with Reader(still.url, "lp_live_sandbox") as live:
        assert live.get("/v1/whoami").json()["organizationId"] == ORGANIZATION
        assert live.get("/v1/projects").json() == reader.get("/v1/projects").json()


def test_whoami_has_the_shape_of_the_keys_or_the_sandboxs_generation(still: SandboxServer, reader: Reader):
    switches = {"killSwitch", "apiAccessRevoked"}
    old = reader.get("/v1/whoami").json()
    assert old.keys() >= switches and "parentOrganizationId" not in old
    assert old["workspaceId"] == old["organizationId"]
    with Reader(still.url, "lp_test_new") as client:
        new = client.get("/v1/whoami").json()
    assert new.keys() == old.keys() - switches | {"parentOrganizationId"}
    config = WorldConfig(generation=Generation.NEW)
    with SandboxServer(config, now=NOW) as server, Reader(server.url, "lp_test_child") as child:
        assert child.get("/v1/whoami").json()["parentOrganizationId"] == ORGANIZATION


def test_only_a_parent_key_lists_the_organisations_below_its_own(still: SandboxServer, reader: Reader):
    with Reader(still.url, "lp_test_parent") as parent:
        (child,) = parent.get("/v1/organizations").json()["items"]
        assert (child["id"], child["status"]) == (CHILD_ORGANIZATION, "active")
        assert parent.get("/v1/organizations", params={"status": "archived"}).json()["items"] == []
    for key in (DEFAULT_KEY, "lp_test_full"):
        with Reader(still.url, key) as client:
            assert code(client.get("/v1/organizations")) == (403, "FORBIDDEN_SCOPE")


def test_an_organisation_can_be_named_with_or_without_its_prefix(still: SandboxServer):
    with Reader(still.url, "lp_test_parent") as parent:
        answers = [
            parent.get("/v1/projects", headers={"X-Layers-Organization": name}).json()
            for name in (CHILD_ORGANIZATION, CHILD_ORGANIZATION.removeprefix("org_"))
        ]
    assert answers[0]["items"] and answers[0] == answers[1]


def test_only_a_parent_key_acts_for_a_child_organisation(still: SandboxServer):
    child = {"X-Layers-Organization": CHILD_ORGANIZATION}
    with Reader(still.url, "lp_test_parent") as parent, Reader(still.url) as plain:
        own, childs = parent.get("/v1/projects").json(), parent.get("/v1/projects", headers=child).json()
        assert own != childs
        assert parent.get("/v1/whoami", headers=child).json()["organizationId"] == CHILD_ORGANIZATION
        assert code(plain.get("/v1/projects", headers=child)) == (403, "FORBIDDEN_SCOPE")
        assert code(parent.get("/v1/projects", headers={"X-Layers-Organization": "org_x"})) == (403, "FORBIDDEN_SCOPE")


def test_every_refusal_has_the_envelope_and_the_request_id_of_its_header(reader: Reader):
    responses = [
        reader.get("/v1/nothing"),
        reader.get("/elsewhere"),
        reader.post("/v1/whoami"),
        reader.get("/v1/projects/prj_nothing/ads/campaigns"),
        reader.get(f"/v1/projects/{reader.project_id}/ads/campaigns", params={"limit": 0}),
        reader.get("/v1/whoami", headers={"Authorization": "none"}),
    ]
    assert [response.status_code for response in responses] == [404, 404, 405, 404, 400, 401]
    for response in responses:
        error = response.json()["error"]
        assert set(error) == {"code", "message", "requestId"}
        assert re.fullmatch(r"req_[0-9A-Z]{26}", error["requestId"])
        assert response.headers["X-Request-Id"] == error["requestId"]


def test_a_defect_of_the_sandbox_itself_is_told_in_the_envelope_too(
    sandbox: SandboxServer, client: Reader, monkeypatch: pytest.MonkeyPatch
):
    def broken(_: str) -> list[object]:
        raise RuntimeError("broken")

    monkeypatch.setattr(sandbox.world, "projects", broken)
    assert code(client.get("/v1/projects")) == (500, "INTERNAL")


def test_every_response_carries_the_rate_limit_and_the_sandboxs_date(reader: Reader):
    for response in (reader.get("/v1/whoami"), reader.get("/v1/nothing")):
        assert response.headers["X-RateLimit-Endpoint-Class"] == "read-light"
        for name in ("Limit", "Remaining", "Reset"):
            assert int(response.headers[f"X-RateLimit-{name}"]) >= 0
        assert response.headers.get_list("Date") == ["Wed, 01 Apr 2026 06:00:00 GMT"]
        assert parsedate_to_datetime(response.headers["Date"]) == NOW


@pytest.mark.parametrize(
    ("key", "tier", "limit"),
    [("standard", "standard", "120"), ("pilot", "pilot", "1200"), ("partner", "partner", "6000")],
)
def test_a_key_is_announced_the_allowance_of_its_tier(still: SandboxServer, key: str, tier: str, limit: str):
    with Reader(still.url, f"lp_test_{key}") as client:
        response = client.get("/v1/whoami")
    assert (response.json()["rateLimitTier"], response.headers["X-RateLimit-Limit"]) == (tier, limit)


@pytest.mark.slow
def test_an_enforced_limit_refuses_what_is_too_much_and_says_when_to_come_back():
    with SandboxServer(now=NOW, requests_per_minute=120, burst=3) as server, Reader(server.url) as client:
        statuses = [client.get("/v1/whoami").status_code for _ in range(4)]
        refused = client.get("/v1/whoami")
        assert statuses == [200, 200, 200, 429]
        assert code(refused) == (429, "RATE_LIMITED")
        assert (refused.headers["Retry-After"], refused.headers["X-RateLimit-Remaining"]) == ("1", "0")
        time.sleep(1)
        served = client.get("/v1/whoami")
        assert served.json()["rateLimitTier"] == "standard"
        with Reader(server.url, "lp_test_pilot") as other:
            assert other.get("/v1/whoami").status_code == 200


def test_after_the_seconds_a_refusal_names_a_bucket_has_a_request_again():
    now = 0.0
    bucket = TokenBucket(per_minute=7, burst=1, clock=lambda: now)
    bucket.take()
    with pytest.raises(ApiError) as refusal:
        bucket.take()
    now = float(refusal.value.headers["Retry-After"]) - 1
    with pytest.raises(ApiError):
        bucket.take()
    now += 1
    bucket.take()

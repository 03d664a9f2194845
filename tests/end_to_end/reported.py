"""What the simulated API reports, asked over HTTP without the pipeline's own client."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import httpx

from layers_etl.sandbox.server import DEFAULT_KEY, SandboxServer

Json = dict[str, Any]

METRICS = ["spend", "impressions", "clicks", "conversions", "cpa", "cpc", "cpm", "ctr", "roas", "reach", "frequency"]
LISTS = {"ad_account": "ad-accounts", "campaign": "campaigns", "adset": "adsets", "ad": "ads"}
ID_FIELDS = {"ad_account": "adAccountId", "campaign": "campaignId", "adset": "adsetId", "ad": "adId"}


@dataclass(frozen=True, slots=True)
class Reported:
    """One bucket of one entity, as the API serves it now."""

    scope: str
    project_id: str
    entity_id: str
    bucket: Json

    @property
    def day(self) -> date:
        """The bucket's day."""
        return date.fromisoformat(self.bucket["bucket"])


def reported_days(sandbox: SandboxServer, scope: str, since: date, until: date) -> Iterator[Reported]:
    """Every bucket of every entity of ``scope`` in ``[since, until)``."""
    headers = {"Authorization": f"Bearer {DEFAULT_KEY}"}
    with httpx.Client(base_url=f"{sandbox.url}/v1", headers=headers, timeout=10) as client:
        for project in client.get("/projects").raise_for_status().json()["items"]:
            for entity_id in _entity_ids(client, scope, project["id"]):
                answer = client.get(
                    f"/projects/{project['id']}/ads-metrics",
                    params={
                        "scope": scope,
                        "id": entity_id,
                        "metrics": METRICS,
                        "since": since.isoformat(),
                        "until": until.isoformat(),
                        "granularity": "day",
                    },
                )
                for bucket in answer.raise_for_status().json()["series"]:
                    yield Reported(scope, project["id"], entity_id, bucket)


def _entity_ids(client: httpx.Client, scope: str, project_id: str) -> Iterator[str]:
    if scope == "project":
        yield project_id
        return
    cursor = None
    while True:
        query = {"cursor": cursor} if cursor else {}
        page = client.get(f"/projects/{project_id}/ads/{LISTS[scope]}", params=query).raise_for_status().json()
        for item in page["items"]:
            yield item[ID_FIELDS[scope]]
        cursor = page.get("nextCursor")
        if not cursor:
            return

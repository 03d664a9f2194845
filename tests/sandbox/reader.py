"""An HTTP client of the sandbox, and the instant its tests stand at."""

from datetime import UTC, datetime
from typing import Any

import httpx

from layers_etl.sandbox.server import DEFAULT_KEY

NOW = datetime(2026, 4, 1, 6, tzinfo=UTC)
Json = dict[str, Any]


class Reader(httpx.Client):
    """An HTTP client that knows the way around the default project."""

    def __init__(self, url: str, key: str = DEFAULT_KEY) -> None:
        """Talk to the sandbox at `url` with that key."""
        super().__init__(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=5, verify=False)
        self._project_id = ""

    @property
    def project_id(self) -> str:
        """The key's first project."""
        self._project_id = self._project_id or self.get("/v1/projects").json()["items"][0]["id"]
        return self._project_id

    def items(self, what: str, **query: Any) -> list[Json]:
        """The first page of a list of the project."""
        return self.get(f"/v1/projects/{self.project_id}/ads/{what}", params=query).json()["items"]

    def campaign(self, name: str = "Always On", platform: str = "meta_ads") -> Json:
        """The platform's first campaign whose name begins so."""
        return next(item for item in self.items("campaigns", platforms=platform) if item["name"].startswith(name))

    def account(self, platform: str = "meta_ads") -> Json:
        """The platform's first account."""
        return self.items("ad-accounts", platforms=platform)[0]

    def ask(self, scope: str, entity_id: str, **query: Any) -> httpx.Response:
        """`ads-metrics` of an entity."""
        return self.get(
            f"/v1/projects/{self.project_id}/ads-metrics", params={"scope": scope, "id": entity_id, **query}
        )

    def metrics(self, scope: str, entity_id: str, **query: Any) -> Json:
        """The payload of `ads-metrics`, which must be a 200."""
        response = self.ask(scope, entity_id, **query)
        assert response.status_code == 200, response.text
        return response.json()

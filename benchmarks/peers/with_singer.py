"""A tap on the Singer SDK: metrics partitioned by campaign, and their state not, as its documentation advises.

Runs in the peers' own environment, piped into ``target-duckdb``: ``python with_singer.py --config FILE``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from singer_sdk import Tap  # pyright: ignore[reportMissingImports] - in the peers' environment
from singer_sdk import typing as th  # pyright: ignore[reportMissingImports] - the same
from singer_sdk.authenticators import BearerTokenAuthenticator  # pyright: ignore[reportMissingImports] - the same
from singer_sdk.streams import RESTStream  # pyright: ignore[reportMissingImports] - the same

INTEGERS = ("impressions", "clicks", "conversions", "reach")
NUMBERS = ("spend", "cpa", "cpc", "cpm", "ctr", "roas", "frequency")


class LayersStream(RESTStream):  # pyright: ignore[reportUntypedBaseClass] - not in this environment
    """What both streams have in common."""

    next_page_token_jsonpath = "$.nextCursor"

    @property
    def url_base(self) -> str:
        """Up to the project."""
        return f"{self.config['url']}/v1/projects/prj_bench"

    @property
    def authenticator(self) -> Any:
        """By the key."""
        return BearerTokenAuthenticator(token="lp_test_bench")


class Campaigns(LayersStream):
    """One row per campaign, and the partitions of the metrics."""

    name = "campaigns"
    path = "/ads/campaigns"
    primary_keys = ("campaignId",)
    records_jsonpath = "$.items[*]"
    schema = th.PropertiesList(
        th.Property("campaignId", th.StringType),
        th.Property("adAccountId", th.StringType),
        th.Property("platform", th.StringType),
        th.Property("name", th.StringType),
        th.Property("status", th.StringType),
    ).to_dict()

    def get_url_params(self, context: Any, next_page_token: Any) -> dict[str, Any]:  # noqa: ARG002 - the SDK names it
        """A page of the most that there may be."""
        return {"limit": 200, **({"cursor": next_page_token} if next_page_token else {})}


class Metrics(LayersStream):
    """One row per campaign and day."""

    name = "metrics"
    path = "/ads-metrics"
    primary_keys = ("campaignId", "bucket")
    records_jsonpath = "$.series[*]"
    state_partitioning_keys = ()
    schema = th.PropertiesList(
        th.Property("campaignId", th.StringType),
        th.Property("bucket", th.DateType),
        *(th.Property(name, th.IntegerType) for name in INTEGERS),
        *(th.Property(name, th.NumberType) for name in NUMBERS),
    ).to_dict()

    @property
    def partitions(self) -> list[dict[str, Any]]:
        """One for each campaign."""
        return [{"campaignId": campaign["campaignId"]} for campaign in Campaigns(self._tap).get_records(None)]

    def get_url_params(self, context: Any, next_page_token: Any) -> dict[str, Any]:  # noqa: ARG002 - the same
        """All metrics of the partition's days."""
        return {
            "scope": "campaign",
            "id": context["campaignId"],
            "metrics": [*INTEGERS, *NUMBERS],
            "since": f"{self.config['since']}T00:00:00Z",
            "until": f"{self.config['until']}T00:00:00Z",
            "granularity": "day",
        }

    def post_process(self, row: dict[str, Any], context: Any = None) -> dict[str, Any]:
        """Whose day it is: the SDK adds by itself only what its state is kept by."""
        return {**row, "campaignId": context["campaignId"]}


class TapLayers(Tap):  # pyright: ignore[reportUntypedBaseClass] - the same
    """The tap."""

    name = "tap-layers"
    config_jsonschema = th.PropertiesList(
        th.Property("url", th.StringType, required=True),
        th.Property("since", th.StringType, required=True),
        th.Property("until", th.StringType, required=True),
    ).to_dict()

    def discover_streams(self) -> Iterable[Any]:
        """Both."""
        return [Campaigns(self), Metrics(self)]


if __name__ == "__main__":
    TapLayers.cli()

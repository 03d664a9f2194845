"""dlt as its documentation would write it: the REST API source, metrics as a resource of each campaign, merged by key.

Runs in the peers' own environment: ``python with_dlt.py URL FILE SINCE UNTIL``.
"""

from __future__ import annotations

import sys

import dlt  # pyright: ignore[reportMissingImports] - in the peers' environment
from dlt.sources.rest_api import rest_api_source  # pyright: ignore[reportMissingImports] - the same

METRICS = ["spend", "impressions", "clicks", "conversions", "cpa", "cpc", "cpm", "ctr", "roas", "reach", "frequency"]


def main(url: str, file: str, since: str, until: str) -> None:
    """Read every campaign's days in parallel, and merge them into a table."""
    source = rest_api_source(
        {
            "client": {
                "base_url": f"{url}/v1/projects/prj_bench/",
                "auth": {"type": "bearer", "token": "lp_test_bench"},
            },
            "resources": [
                {
                    "name": "campaigns",
                    "primary_key": "campaignId",
                    "write_disposition": "merge",
                    "endpoint": {
                        "path": "ads/campaigns",
                        "params": {"limit": 200},
                        "data_selector": "items",
                        "paginator": {"type": "cursor", "cursor_path": "nextCursor", "cursor_param": "cursor"},
                    },
                },
                {
                    "name": "metrics",
                    "primary_key": ["_campaigns_campaignId", "bucket"],
                    "write_disposition": "merge",
                    "include_from_parent": ["campaignId"],
                    "parallelized": True,
                    "columns": {"bucket": {"data_type": "date"}, "frequency": {"data_type": "double"}},
                    "endpoint": {
                        "path": "ads-metrics",
                        "params": {
                            "scope": "campaign",
                            "id": "{resources.campaigns.campaignId}",
                            "metrics": METRICS,
                            "since": f"{since}T00:00:00Z",
                            "until": f"{until}T00:00:00Z",
                            "granularity": "day",
                        },
                        "data_selector": "series",
                        "paginator": "single_page",
                    },
                },
            ],
        }
    )
    pipeline = dlt.pipeline("ads", destination=dlt.destinations.duckdb(file), dataset_name="ads", progress=None)
    pipeline.run(source)


if __name__ == "__main__":
    main(*sys.argv[1:])

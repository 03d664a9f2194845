"""The floor: the same answers into a DuckDB table with nothing around them.

No pacing, no retry, no history, no ledger, no check: aiohttp, orjson, Polars, DuckDB.
``python -m benchmarks.peers.floor URL FILE SINCE UNTIL``
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import aiohttp
import duckdb
import orjson
import polars as pl

IN_FLIGHT = 64
METRICS = ["spend", "impressions", "clicks", "conversions", "cpa", "cpc", "cpm", "ctr", "roas", "reach", "frequency"]


async def read(url: str, since: str, until: str) -> list[dict[str, Any]]:
    """Every campaign's days, as rows."""
    rows: list[dict[str, Any]] = []
    metrics = "&".join(f"metrics={name}" for name in METRICS)
    window = f"since={since}T00:00:00Z&until={until}T00:00:00Z&granularity=day"
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer lp_test_bench"}) as session:

        async def get(target: str) -> Any:
            async with session.get(f"{url}{target}") as response:
                return orjson.loads(await response.read())

        project = (await get("/v1/projects?limit=200"))["items"][0]["id"]
        campaigns: list[str] = []
        cursor = ""
        while cursor is not None:
            page = await get(f"/v1/projects/{project}/ads/campaigns?limit=200{cursor and f'&cursor={cursor}'}")
            campaigns += [item["campaignId"] for item in page["items"]]
            cursor = page["nextCursor"]
        waiting = iter(campaigns)

        async def work() -> None:
            for campaign in waiting:
                answer = await get(
                    f"/v1/projects/{project}/ads-metrics?scope=campaign&id={campaign}&{metrics}&{window}"
                )
                for row in answer["series"]:
                    row["campaign_id"] = campaign
                rows.extend(answer["series"])

        async with asyncio.TaskGroup() as workers:
            for _ in range(IN_FLIGHT):
                workers.create_task(work())
    return rows


def main(url: str, file: Path, since: str, until: str) -> None:
    """Read, then load."""
    frame = pl.DataFrame(asyncio.run(read(url, since, until)), infer_schema_length=None)
    with duckdb.connect(str(file)) as connection:
        connection.register("answers", frame)
        connection.execute(
            "CREATE TABLE metrics AS SELECT *, bucket::DATE AS day FROM answers ORDER BY day, campaign_id"
        )


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4])

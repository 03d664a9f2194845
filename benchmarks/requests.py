"""What a week of mornings asks for, beside one request for each campaign and day that may still change.

Many campaigns of which most have ended long ago: they are dormant, and vouched for by their accounts, once all that was
read of them has settled. The first of the mornings is a Tuesday; on Monday the week that closed is asked for its reach,
with the one before. ``python -m benchmarks.requests`` takes two minutes.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.peers.__main__ import (
    EXECUTABLE,
    ROWS,
    Server,
    backfill,
    expected_rows,
    hold_against_truth,
    measure,
    serving,
    settings,
)
from benchmarks.peers.world import World

SETTLING = 3
"""Mornings after the backfill, on which its last days settle, of what has ended too."""

MORNINGS = 7
OPEN_DAYS = 4
"""Of each campaign, every morning: the last closed day, and those of the three days that it takes to settle."""


def ask(server: Server, folder: Path) -> list[Mapping[str, int]]:
    """The requests of each morning, by what was asked for."""
    world, environment = server.world, settings(server, folder)
    server.set_clock(world.morning())
    measure(server, backfill(server, folder), environment, folder)
    asked: list[Mapping[str, int]] = []
    for number in range(1, SETTLING + MORNINGS + 1):
        server.set_clock(world.morning(number))
        asked.append(measure(server, [EXECUTABLE, "run"], environment, folder).kinds)
        today = world.morning(number).date()
        rows = ROWS.format(id="campaign_id", day="day", table="ads.campaign_metrics")
        expected = expected_rows(world, today, today)
        live = [f"cmp_{campaign:06}" for campaign in range(world.campaigns) if not world.has_ended(campaign)]
        hold_against_truth(
            folder / "data" / "warehouse.duckdb",
            f"SELECT * FROM ({rows}) WHERE campaign_id IN ({', '.join(map(repr, live))})",
            expected.filter(expected.get_column("campaign_id").is_in(live)),
        )
    return asked[SETTLING:]


def print_table(world: World, asked: list[Mapping[str, int]]) -> None:
    """A line a morning, and what the week comes to."""
    live = sum(not world.has_ended(campaign) for campaign in range(world.campaigns)) + world.accounts
    print(f"{world.campaigns} campaigns of {world.accounts} accounts, {live} of both live")
    print("morning  days of campaigns and accounts  of the live ones  weekly reach  listings")
    days, weeks = 0, 0
    for number, kinds in enumerate(asked, 1):
        of_days = sum(count for kind, count in kinds.items() if kind.startswith("day"))
        of_weeks = sum(count for kind, count in kinds.items() if kind.startswith("week"))
        print(f"{number:7} {of_days:31} {of_days / live:17.3f} {of_weeks:13} {kinds['listing']:9}")
        days, weeks = days + of_days, weeks + of_weeks
    print(f"weekly reach: {weeks / days:.3f} of the requests for days")
    naive = world.campaigns * OPEN_DAYS * MORNINGS
    print(f"one request for each campaign and open day: {naive}, {naive / (days + weeks):.1f} times as many")


def main() -> None:
    """Live through the week, and print what was asked."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--campaigns", type=int, default=5000)
    options.add_argument("--days", type=int, default=60)
    options.add_argument("--one-live-of", type=int, default=5)
    arguments = options.parse_args()
    world = World(arguments.campaigns, arguments.days, arguments.one_live_of)
    with tempfile.TemporaryDirectory(prefix="layers-etl-requests-") as name, serving(world) as server:
        asked = ask(server, Path(name))
    print_table(world, asked)


if __name__ == "__main__":
    main()

"""A process that writes the warehouse: ``hold`` it until told to let go, or ``land`` batches until it is killed."""

from __future__ import annotations

import logging
import sys
from datetime import timedelta
from itertools import count
from pathlib import Path

from layers_etl.domain.readings import EntityKey
from layers_etl.domain.scopes import CAMPAIGN

from .builders import derive, land, opened, publish, reading, rows, spends, utc, window

ENTITIES = [EntityKey(CAMPAIGN, "prj_1", f"cmp_{number}", "meta_ads") for number in range(4)]
DAYS = window(1, 7)
START = utc(3, 8)


def say(line: str) -> None:
    """A line to whoever started this process."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def hold(folder: Path) -> None:
    """Open the build file, and keep it until a line comes in."""
    with opened(folder):
        say("open")
        sys.stdin.readline()
    say("closed")


def land_for_ever(folder: Path) -> None:
    """Land batch after batch, each of one spend on every day of every entity; say which are committed."""
    with opened(folder) as warehouse:
        landed = rows(warehouse, "SELECT count(*) // ? FROM ops.readings", [len(ENTITIES)])[0][0]
        for batch in count(landed + 1):
            read_at = START + batch * timedelta(minutes=1)
            land(warehouse, *(reading(key, DAYS, read_at, spends(DAYS, batch)) for key in ENTITIES))
            say(f"landed {batch}")
            if batch % 2:
                derive(warehouse)
            if batch % 3 == 0:
                publish(warehouse, f"run_{batch}", read_at)
                say(f"published {batch}")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    {"hold": hold, "land": land_for_ever}[sys.argv[1]](Path(sys.argv[2]))

"""A process that opens the published file every 50 ms, as analysts do, until it is told to stop.

``impatient_reader FILE``: prints one line per look: the smallest and the largest spend it saw.
"""

from __future__ import annotations

import sys
import time

import duckdb

if __name__ == "__main__":
    while True:
        with duckdb.connect(sys.argv[1], read_only=True) as connection:
            smallest, largest = connection.execute(
                "SELECT min(spend)::INTEGER, max(spend)::INTEGER FROM ads.campaign_metrics"
            ).fetchall()[0]
        print(smallest, largest, flush=True)
        time.sleep(0.05)

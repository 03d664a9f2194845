"""A process that opens the published file once and keeps it.

``patient_reader FILE``: one look for every line of input.
"""

from __future__ import annotations

import sys

import duckdb

if __name__ == "__main__":
    with duckdb.connect(sys.argv[1], read_only=True) as connection:
        for _ in sys.stdin:
            print(
                connection.execute("SELECT sum(spend)::INTEGER FROM ads.campaign_metrics").fetchall()[0][0], flush=True
            )

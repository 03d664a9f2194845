"""A process that lands, derives and publishes, to a file and to a lake, until it is killed.

``writer FOLDER CATALOG FILES``: says ``landed N`` and ``published N`` once that is so, ``failed`` where the lake could
not be published to.
"""

from __future__ import annotations

import logging
import sys
from datetime import timedelta
from itertools import count
from pathlib import Path

from layers_etl.domain.lake import Lake, lake_of, parse_catalog
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN
from layers_etl.errors import LakeError
from layers_etl.warehouse.build import open_warehouse
from layers_etl.warehouse.entities import upsert_entities
from layers_etl.warehouse.published_file import PublishedFile

from ..warehouse.builders import SCOPES, account, campaign, derive, land, reading, rows, spends, utc
from ..warehouse.builders import publish as publish_file
from ..warehouse.writer import DAYS, ENTITIES, say
from .builders import publish, publisher

START = utc(3, 8)


def live(folder: Path, lake: Lake) -> None:
    publishers = [PublishedFile(folder / "warehouse.duckdb"), publisher(lake)]
    with open_warehouse(folder / "build.duckdb", SCOPES, publishers=publishers) as warehouse:
        landed = rows(warehouse, "SELECT count(*) // ? FROM ops.readings", [len(ENTITIES)])[0][0]
        say(f"begun {landed}")
        for batch in count(landed + 1):
            read_at = START + batch * timedelta(minutes=1)
            upsert_entities(warehouse, AD_ACCOUNT, ["prj_1"], [account(name=f"Account {batch}")], read_at)
            listed = [campaign(key.entity_id, name=f"Campaign {batch}") for key in ENTITIES]
            upsert_entities(warehouse, CAMPAIGN, ["prj_1"], listed, read_at)
            land(warehouse, *(reading(key, DAYS, read_at, spends(DAYS, batch)) for key in ENTITIES))
            say(f"landed {batch}")
            derive(warehouse)
            publish_file(warehouse, f"run_{batch}", read_at)
            try:
                publish(warehouse, lake, f"run_{batch}", read_at)
                say(f"published {batch}")
            except LakeError as error:
                say(f"failed {error}")


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    live(Path(sys.argv[1]), lake_of(parse_catalog(sys.argv[2]), sys.argv[3]))

"""docs/operating.md has every check there is, and the README stays a page that leads there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from layers_etl.definitions import build_definitions
from layers_etl.domain.scopes import SCOPES
from layers_etl.settings import Settings

ROOT: Final = Path(__file__).parents[2]
LINES_OF_A_PAGE: Final = 100


def test_the_table_of_checks_has_each_that_there_is_and_no_other() -> None:
    everything = build_definitions(Settings(scopes=tuple(SCOPES.values())))
    there_are = {key.name for key in everything.resolve_asset_graph().asset_check_keys}
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    section = text.partition("\n## Look after it\n")[2].partition("\n## ")[0]
    first_cells = re.findall(r"^\| (`[^|]+) \|", section, flags=re.MULTILINE)
    told = [name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(told) == sorted(there_are)


def test_the_readme_is_a_page() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= LINES_OF_A_PAGE

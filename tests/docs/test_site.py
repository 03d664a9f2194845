"""The documents can be served as a site, with the package it needs beside this project's."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
import yaml

from ..packages import installed, run_with

ROOT: Final = Path(__file__).parents[2]
SITE: Final = ROOT / "mkdocs.yml"

PACKAGES: Final = (
    *("mkdocs==1.6.1", "ghp-import", "jinja2", "markdown", "markupsafe", "mergedeep", "mkdocs-get-deps", "packaging"),
    *("pathspec", "platformdirs", "python-dateutil", "pyyaml", "pyyaml-env-tag", "six", "watchdog"),
)
"""What mkdocs needs beside what this project has."""


def test_every_page_is_in_the_contents_of_the_site() -> None:
    listed = [page for each in yaml.safe_load(SITE.read_text(encoding="utf-8"))["nav"] for page in each.values()]
    assert sorted(listed) == sorted(path.name for path in (ROOT / "docs").glob("*.md"))


@pytest.mark.slow
@pytest.mark.timeout(600)  # what is installed comes over a network
def test_the_site_is_built_with_no_warning(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    packages = installed(request.config.cache, "site", *PACKAGES)
    build = ("build", "--strict", "--quiet", "--config-file", SITE, "--site-dir", tmp_path / "site")
    run_with(packages, "-m", "mkdocs", *build)
    assert "marts.campaign_pacing" in (tmp_path / "site" / "data-dictionary" / "index.html").read_text(encoding="utf-8")

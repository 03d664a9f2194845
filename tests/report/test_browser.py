"""The page in a real browser: on a phone and a screen, in light and dark."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import pytest
from playwright.sync_api import Browser, sync_playwright

from layers_etl.report.page import render
from layers_etl.report.queries import Shown

from .test_page import HOSTILE, named

CHROMIUM: Final = shutil.which("chromium")
PHONE: Final = 390
SCREEN: Final = 1280

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.mark.parametrize(("width", "theme"), [(PHONE, "dark"), (SCREEN, "light")])
@pytest.mark.parametrize("name", [None, *HOSTILE])
def test_it_fits_its_width_and_nothing_is_wrong(
    browser: Browser, lived: Shown, tmp_path: Path, name: str | None, width: int, theme: Literal["light", "dark"]
) -> None:
    path = tmp_path / "report.html"
    path.write_text(render(lived if name is None else named(lived, name)), encoding="utf-8")
    wrong: list[str] = []
    asked: list[str] = []
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    page = context.new_page()
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    whole, visible = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    ink, paper = page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    context.close()
    assert wrong == []
    assert asked == [path.as_uri()]
    assert whole == visible == width
    assert (paper == "rgb(255, 255, 255)") is (theme == "light")
    assert ink != paper


def test_it_prints_on_white_whatever_the_theme(browser: Browser, lived: Shown, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(render(lived), encoding="utf-8")
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(path.as_uri())
    page.emulate_media(media="print")
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    context.close()
    assert paper == "rgb(255, 255, 255)"

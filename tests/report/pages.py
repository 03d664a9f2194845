"""A page as a browser takes it apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final

VOID: Final = frozenset({"meta", "br", "hr", "img", "input", "link"})


@dataclass
class Taken(HTMLParser):
    """The elements of a page, the text in it, and whether each element that was opened was closed in its turn."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list[tuple[str, dict[str, str | None]]])
    text: str = ""
    unclosed: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        """Begin."""
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.unclosed.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it; there is nothing to close."""
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Close the last one."""
        assert self.unclosed.pop() == tag

    def handle_data(self, data: str) -> None:
        """Gather it."""
        self.text += data

    @property
    def labels(self) -> list[str]:
        """What the drawings say to those who do not see them."""
        return [attrs["aria-label"] or "" for _, attrs in self.tags if "aria-label" in attrs]


def take_apart(page: str) -> Taken:
    """The page, which is whole."""
    taken = Taken()
    taken.feed(page)
    taken.close()
    assert taken.unclosed == []
    return taken

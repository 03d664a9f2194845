"""What documents and code cite is there: rules, pages and their sections, files, commands and their options."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Final

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from layers_etl.cli.app import app

ROOT: Final = Path(__file__).parents[2]
DESIGN: Final = ROOT / "docs" / "architecture.md"
DECISIONS: Final = ROOT / "docs" / "decisions.md"

FOLDERS: Final = ("layers_etl", "tests", "benchmarks", "notebooks", "deploy", "docs")
KINDS: Final = frozenset({".py", ".sql", ".md", ".toml", ".yaml"})
OTHERS: Final = ("Makefile", ".env.example", ".gitignore", ".pre-commit-config.yaml")

_SECTION: Final = r"(?P<section>[A-Z][a-z]+(?:\s+[a-z]+)*)"


@dataclass(frozen=True)
class Text:
    """One file of the project."""

    path: Path
    text: str

    @cached_property
    def prose(self) -> str:
        """Without what is fenced as code."""
        return re.sub(r"^```.*?^```", "", self.text, flags=re.MULTILINE | re.DOTALL)

    @cached_property
    def spans(self) -> list[str]:
        """What stands in backticks, and every line that is fenced as code, without its prompt."""
        fenced = re.findall(r"^```\w*\n(.*?)^```", self.text, flags=re.MULTILINE | re.DOTALL)
        lines = [line.removeprefix("$ ") for block in fenced for line in block.splitlines()]
        return [*lines, *(found for _, found in re.findall(r"(`+)([^`]+)\1", self.prose))]

    def __str__(self) -> str:
        return str(self.path.relative_to(ROOT))


@cache
def texts() -> list[Text]:
    """Everything people wrote here; this file, which names what is not there, is left out."""
    inside = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in KINDS)
    around = (path for path in ROOT.iterdir() if path.suffix in KINDS or path.name in OTHERS)
    found = sorted({path for path in (*inside, *around) if path.is_file() and path != Path(__file__)})
    return [Text(path, path.read_text(encoding="utf-8")) for path in found]


@cache
def documents() -> list[Text]:
    return [text for text in texts() if text.path.suffix == ".md"]


@cache
def headings(path: Path) -> list[str]:
    text = Text(path, path.read_text(encoding="utf-8"))
    return re.findall(r"^#+ (.+)$", text.prose, flags=re.MULTILINE)


def anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@cache
def paths() -> list[str]:
    """Files and folders, each with a slash before it."""
    inside = (path for folder in FOLDERS for path in (ROOT / folder, *(ROOT / folder).rglob("*")))
    return [f"/{path.relative_to(ROOT).as_posix()}" for path in (*inside, *ROOT.iterdir())]


def is_there(cited: str) -> bool:
    """Whether something is cited by its name, or by the end of its path."""
    end = f"/{cited.strip('/')}"
    return any(path.endswith(end) for path in paths())


def documents_called(name: str) -> list[Path]:
    return [path for path in (ROOT / name, ROOT / "docs" / name) if path.is_file()]


def section_of_design(heading: str) -> str:
    _, _, after = DESIGN.read_text(encoding="utf-8").partition(f"\n## {heading}\n")
    return after.partition("\n## ")[0]


@cache
def rules() -> list[int]:
    return [int(number) for number in re.findall(r"^(\d+)\. \*\*", section_of_design("The rules"), flags=re.MULTILINE)]


def test_there_is_something_to_check() -> None:
    assert len(documents()) >= 8
    assert len(texts()) > 300


def test_the_design_numbers_its_twelve_rules() -> None:
    assert rules() == list(range(1, 13))


def test_every_rule_that_is_cited_is_one_of_the_design() -> None:
    pattern = re.compile(r"\b[Rr]ules?\s+(?:#\s+|--\s+)?(\d+)(?:,?\s+(?:and|to)\s+(\d+))?")
    cited = [
        (str(text), int(number))
        for text in texts()
        for found in pattern.findall(text.text)
        for number in found
        if number
    ]
    assert len(cited) > 20
    assert [citation for citation in cited if citation[1] not in rules()] == []


@pytest.mark.parametrize("document", documents(), ids=str)
def test_every_link_leads_somewhere(document: Text) -> None:
    astray: list[str] = []
    for target in re.findall(r"\]\(([^)\s]+)\)", document.prose):
        if target.startswith("https://"):
            continue
        name, _, fragment = target.partition("#")
        path = document.path.parent / name if name else document.path
        if not path.exists() or (fragment and fragment not in map(anchor, headings(path))):
            astray.append(target)
    assert astray == []


def test_every_document_that_is_named_exists() -> None:
    named = [
        (str(text), name) for text in texts() for name in re.findall(r"(?<![\w/.-])(?:docs/)?([\w-]+\.md)\b", text.text)
    ]
    assert len(named) > 30
    assert [citation for citation in named if not documents_called(citation[1])] == []


def test_every_section_that_is_cited_exists() -> None:
    of_document = re.compile(rf"(?P<name>[\w-]+\.md)(?:,\s+|\s+\(){_SECTION}")
    of_design = re.compile(rf"\((?P<name>design),\s+{_SECTION}")
    cited = [
        (str(text), found["name"].replace("design", DESIGN.name), " ".join(found["section"].split()))
        for text in texts()
        for pattern in (of_document, of_design)
        for found in pattern.finditer(text.text)
    ]
    assert len(cited) > 15
    assert [citation for citation in cited if citation[2] not in _headings_of(citation[1])] == []


def _headings_of(name: str) -> list[str]:
    return [heading for path in documents_called(name) for heading in headings(path)]


def test_every_file_and_folder_that_is_cited_exists() -> None:
    pattern = re.compile(r"(`+)(\w[\w./-]*(?:\.(?:py|sql|toml|yaml)|/))\1")
    cited = [(str(text), name) for text in texts() for _, name in pattern.findall(text.text)]
    assert len(cited) > 80
    assert [citation for citation in cited if not is_there(citation[1])] == []


def test_every_room_has_its_line_in_the_design() -> None:
    rooms = section_of_design("The rooms")
    parts = [
        path for path in (ROOT / "layers_etl").iterdir() if not path.name.startswith("__") and path.suffix != ".yaml"
    ]
    unnamed = [path.name for path in parts if f"`{path.name}{'/' if path.is_dir() else ''}`" not in rooms]
    assert unnamed == []


@cache
def options() -> dict[str, frozenset[str]]:
    """The command line's own, by command; those before any command under no name."""
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    return {
        name: frozenset(
            {"--help", *(spelling for each in command.params for spelling in each.opts + each.secondary_opts)}
        )
        for name, command in {"": group, **group.commands}.items()
    }


def misused(span: str) -> list[str]:
    """What a line or span says of the command line that it does not have."""
    wrong: list[str] = []
    for call in re.findall(r"layers-etl +([^&;#]*)", span):
        if alternatives := re.fullmatch(r"\w+(?: \| \w+)+", call.strip()):
            wrong += [name for name in alternatives[0].split(" | ") if name not in options()]
            continue
        words = re.sub(r'"[^"]*"?', "TEXT", call.partition("|")[0]).split()
        name = words[0] if words and not words[0].startswith("-") else ""
        known = options().get(name, frozenset())
        wrong += [f"layers-etl {name}"] if name not in options() else []
        wrong += [word for word in words if word.startswith("--") and word.partition("=")[0] not in known]
    return wrong


@pytest.mark.parametrize(
    ("span", "wrong"),
    [
        ("layers-etl status --json | jq .", []),
        ("0 7 * * * cd /srv && .venv/bin/layers-etl run && curl -fsS --retry 3 https://monitor", []),
        ('layers-etl sql "SELECT 1 -- a comment"', []),
        ("layers-etl doctor | backfill", []),
        ("layers-etl --help", []),
        ("layers-etl mend", ["layers-etl mend"]),
        ("layers-etl run --yaml", ["--yaml"]),
        ("layers-etl doctor | mend", ["mend"]),
    ],
)
def test_a_command_or_option_that_is_not_there_is_noticed(span: str, wrong: list[str]) -> None:
    assert misused(span) == wrong


def test_every_command_that_is_cited_is_one_that_the_command_line_has() -> None:
    spans = [(str(text), span) for text in texts() for span in text.spans if "layers-etl " in span]
    assert len(spans) > 20
    assert [(text, span, wrong) for text, span in spans if (wrong := misused(span))] == []


def test_every_option_that_documents_cite_by_itself_is_one_of_some_command() -> None:
    known = frozenset[str]().union(*options().values())
    alone = [(str(text), span) for text in documents() for span in text.spans if re.fullmatch(r"--[a-z-]+", span)]
    assert [citation for citation in alone if citation[1] not in known] == []


def test_every_target_of_make_that_is_cited_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, flags=re.MULTILINE))
    cited = [
        (str(text), target)
        for text in texts()
        for span in text.spans
        for target in re.findall(r"^make ([a-z-]+)", span)
    ]
    cited += [("Makefile", target) for target in re.findall(r'(?:"|; +)make ([a-z-]+)', makefile)]
    assert len(cited) > 10
    assert [citation for citation in cited if citation[1] not in targets] == []


def test_the_index_of_the_decisions_has_each_of_them_with_its_day() -> None:
    index, _, _ = DECISIONS.read_text(encoding="utf-8").partition("\n## ")
    rows = re.findall(r"^\| (\d{4}-\d\d-\d\d) \| \[(.+)\]\(#(.+)\) \|$", index, flags=re.MULTILINE)
    wanted = [(title, anchor(title)) for title in headings(DECISIONS)[1:]]
    missing = [
        f"| YYYY-MM-DD | [{title}](#{link}) |" for title, link in wanted if title not in {row[1] for row in rows}
    ]
    assert missing == [], "add to the index:\n" + "\n".join(missing)
    assert [(title, link) for _, title, link in rows] == wanted, "the index has the order of the sections"

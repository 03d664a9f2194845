"""Imports run one way, read from the source: errors → domain → process → api, warehouse → ingest → defs → cli."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import pytest

PACKAGE: Final = Path(__file__).parents[1] / "layers_etl"

ALLOWED: Final[dict[str, frozenset[str]]] = {
    "errors": frozenset(),
    "domain": frozenset({"errors"}),
    "process.interruption": frozenset(),
    "process.causes": frozenset({"errors"}),
    "process": frozenset({"errors", "domain"}),
    "api": frozenset({"errors", "domain"}),
    "warehouse": frozenset({"errors", "domain"}),
    "settings.env_file": frozenset(),
    "settings.variables": frozenset({"domain", "settings.env_file"}),
    "settings": frozenset({"errors", "domain"}),
    "ingest": frozenset({"errors", "domain", "process.causes", "settings", "api", "warehouse"}),
    "alerts": frozenset({"errors", "domain", "settings", "api.network", "warehouse", "ingest"}),
    "defs.instance": frozenset({"errors", "settings", "warehouse"}),
    "defs": frozenset(
        {"errors", "domain", "process.interruption", "settings", "warehouse", "ingest", "alerts", "report"}
    ),
    "definitions": frozenset({"settings", "ingest.progress", "defs"}),
    "cli.launch": frozenset(
        {"errors", "domain", "process", "settings", "warehouse", "ingest", "alerts", "defs", "definitions"}
    ),
    "report": frozenset({"domain", "warehouse"}),
    "cli.examination": frozenset({"errors", "domain", "settings", "warehouse", "ingest", "alerts"}),
    "cli.console": frozenset({"errors", "domain", "warehouse", "ingest"}),
    "cli.formats": frozenset(),
    "cli.tables": frozenset({"domain"}),
    "cli.shell": frozenset({"errors", "domain", "process", "warehouse", "cli.formats", "cli.tables"}),
    "sandbox": frozenset(),
}
"""What each part, a room or a module of it, may import of the others; all of its own room too, unless it is a module
with a line of its own. What is not named here stands at the end and may import everything."""

SANDBOX_USERS: Final = {"cli.sandbox", "cli.two_weeks"}
ENVIRONMENT_READERS: Final = {"settings", "defs.instance", "defs.event_log", "cli.dev", "cli.two_weeks"}
PURE_IMPORTS_NOT: Final = {"dagster", "httpx", "duckdb", "aiohttp", "requests"}
VAGUE: Final = {"utils", "util", "helpers", "helper", "common", "misc", "shared", "base", "core"}


@dataclass(frozen=True)
class Import:
    """One import statement of one module."""

    path: Path
    module: str
    names: tuple[str, ...]

    @property
    def part(self) -> str:
        """The part of the house that the importing module belongs to."""
        return part_of(name_of(self.path))

    @property
    def imported(self) -> set[str]:
        """What it imports of the house: modules, and rooms where it takes a name out of their ``__init__``."""
        top, _, inside = self.module.partition(".")
        if top != PACKAGE.name:
            return set()
        below = {f"{inside}.{name}".strip(".") for name in self.names}
        found = {name for name in below if is_module(name)}
        return found if self.names and found == below else found | {inside}

    @property
    def parts(self) -> set[str]:
        """The parts of the house that it imports."""
        return {part_of(name) for name in self.imported}

    def is_within(self, allowed: frozenset[str]) -> bool:
        """Whether all that it imports of the house lies in one of these parts, or in its own."""
        return all(any(lies_in(name, part) for part in (*allowed, self.part)) for name in self.imported)

    def __str__(self) -> str:
        return f"{self.path.relative_to(PACKAGE.parent)} imports {self.module}"


def name_of(path: Path) -> str:
    """Of a module, within the package; a room's is that of its ``__init__``."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def lies_in(module: str, part: str) -> bool:
    return f"{module}.".startswith(f"{part}.")


def is_module(name: str) -> bool:
    path = PACKAGE.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or path.is_dir()


def part_of(module: str) -> str:
    """The closest part with a line in :data:`ALLOWED`, else what it is called at the top."""
    named = [part for part in ALLOWED if lies_in(module, part)]
    return max(named, key=len, default=module.split(".", maxsplit=1)[0])


@cache
def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports() -> list[Import]:
    """Every import, those within functions and for type checking too."""
    return list(_imports())


def _imports() -> Iterator[Import]:
    for path in modules():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(path, alias.name, ())
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path} imports relatively"
                assert node.module
                yield Import(path, node.module, tuple(alias.name for alias in node.names))


def test_there_is_something_to_check() -> None:
    assert len(modules()) > 50
    assert {"domain", "api", "warehouse", "ingest", "defs"} <= {found.part for found in imports()}


@pytest.mark.parametrize("part", ALLOWED)
def test_imports_run_one_way_from(part: str) -> None:
    wrong = [str(found) for found in imports() if found.part == part and not found.is_within(ALLOWED[part])]
    assert wrong == []


def test_the_api_client_and_the_warehouse_never_meet() -> None:
    wrong = [
        str(found) for found in imports() if (found.part, *found.parts) in {("api", "warehouse"), ("warehouse", "api")}
    ]
    assert wrong == []


def test_nothing_of_the_pipeline_imports_the_sandbox() -> None:
    users = {name_of(found.path) for found in imports() if "sandbox" in found.parts and found.part != "sandbox"}
    assert users <= SANDBOX_USERS


def test_the_rules_are_pure() -> None:
    wrong = [
        str(found) for found in imports() if found.part == "domain" and found.module.split(".")[0] in PURE_IMPORTS_NOT
    ]
    assert wrong == []


def test_the_rules_have_no_clock_and_touch_no_file() -> None:
    wrong: list[str] = []
    for path in sorted((PACKAGE / "domain").rglob("*.py")):
        calls = (node for node in ast.walk(tree(path)) if isinstance(node, ast.Call))
        names = {ast.unparse(call.func) for call in calls}
        wrong += [
            f"{path.name}: {name}" for name in names if name in {"datetime.now", "date.today", "open", "time.time"}
        ]
    assert wrong == []


def test_only_the_settings_and_whoever_hands_the_environment_on_read_it() -> None:
    readers: set[str] = set()
    for path in modules():
        for node in ast.walk(tree(path)):
            named = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
            imported = {alias.name for alias in node.names} if isinstance(node, ast.ImportFrom) else set[str]()
            if named in {"os.environ", "os.getenv", "os.putenv"} or {"environ", "getenv"} & imported:
                readers.add(name_of(path))
    assert readers <= ENVIRONMENT_READERS


def test_at_the_top_stand_only_the_way_in_and_what_all_rooms_or_dagster_look_for() -> None:
    assert {path.stem for path in PACKAGE.glob("*.py")} == {"__init__", "__main__", "errors", "definitions"}


def test_no_module_has_a_name_that_says_nothing() -> None:
    inside = [path.relative_to(PACKAGE) for path in modules()]
    vague = [str(path) for path in inside if {part.removesuffix(".py") for part in path.parts} & VAGUE]
    assert vague == []


@pytest.mark.parametrize("part", ["domain", "api", "warehouse", "ingest", "alerts", "report"])
def test_only_the_outer_parts_know_dagster(part: str) -> None:
    wrong = [str(found) for found in imports() if found.part == part and found.module.split(".")[0] == "dagster"]
    assert wrong == []


def test_sql_lives_with_the_warehouse_and_http_with_the_client() -> None:
    speaks = {"duckdb": {"warehouse", "report", "cli.shell"}, "httpx": {"api", "sandbox"}}
    wrong = [
        str(found)
        for found in imports()
        if (top := found.module.split(".")[0]) in speaks and found.part not in speaks[top]
    ]
    assert wrong == []

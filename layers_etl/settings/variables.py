"""What is said of the settings, word for word: in the environment and in ``.env``. What it means is the settings'."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from layers_etl.domain.keys import hide_key, looks_like_key
from layers_etl.settings.env_file import PREFIX, Line, find_env_file, read_env_file

ENV_FILE: Final = "LAYERS_ENV_FILE"
"""Names another file than ``.env``; in the environment alone, since a file is what it leads to."""

API_KEY: Final = "LAYERS_API_KEY"
ENVIRONMENT: Final = "environment"

_OURS: Final = re.compile(rf"\W*{PREFIX[:-1]}[\W_]", re.IGNORECASE)
"""A name that is meant for us, whatever slipped in before it or in the place of its underscore."""

_OUR_LINE: Final = re.compile(rf"[^\w#]*(?:export\s+)?['\"]?{PREFIX}", re.IGNORECASE)
_SERVICE_LINK: Final = re.compile(r"_SERVICE_HOST\Z|_SERVICE_PORT(?:_\w+)?\Z|_PORT(?:_\d+_(?:TCP|UDP|SCTP)\w*)?\Z")
"""What Kubernetes and Docker put into the environment for a service named ``layers…``: nobody chose these names."""

_QUOTES: Final = {'"': '"', "'": "'", "“": "”", "‘": "’"}
_AROUND: Final = re.compile(r"\A[\s\u200b\u2060\ufeff]+|[\s\u200b\u2060\ufeff]+\Z")
_NOT_PLAIN: Final = re.compile(r"[^!-~]")
_CONTROL: Final = re.compile(r"[\0-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Variable:
    """A setting as it was found, without white space and quotes around it; ``source`` says where, for people."""

    name: str
    value: str
    source: str
    in_file: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a setting or a file, ``subject``. Never holds a value: it may be a secret put elsewhere."""

    subject: str
    predicate: str
    source: str = ""

    @property
    def what(self) -> str:
        """What is wrong, and where it stands."""
        return f"{self.predicate} ({self.source})" if self.source else self.predicate

    def __str__(self) -> str:
        """One clause that names the subject."""
        return f"{self.subject} {self.what}"


@dataclass(frozen=True, slots=True)
class Found:
    """All that is said: by name what goes before, and what is wrong.

    ``env_file`` is the one there is, if any; ``is_whole`` unless it could not be read. ``base`` is the folder that what
    it names is relative to: its own, but the working one where the environment names the file. ``of_others`` is what it
    says under names that are not ours.
    """

    variables: Mapping[str, Variable]
    problems: tuple[Problem, ...]
    env_file: Path | None
    base: Path
    is_whole: bool = True
    of_others: Mapping[str, str] = field(default_factory=dict[str, str])


def find_variables(
    environment: Mapping[str, str], known: Collection[str], folder: Path, checkout: Path | None
) -> Found:
    """What the environment says of the ``known`` settings, and the one ``.env`` of ``folder``, else of ``checkout``.

    The environment goes before the file; what is empty says nothing. A name nobody knows is a problem, since it would
    say nothing either.
    """
    names = [(name, value) for name, value in environment.items() if not _SERVICE_LINK.search(name.upper())]
    said, problems = _gather(names, {*known, ENV_FILE}, ENVIRONMENT)
    named = said.pop(ENV_FILE, None)
    try:
        env_file = folder / expand_home(named.value, environment) if named else find_env_file(folder, checkout)
    except ValueError as error:
        return Found(said, (*problems, Problem(ENV_FILE, str(error), ENVIRONMENT)), None, folder, is_whole=False)
    if env_file is None:
        return Found(said, tuple(problems), None, folder)
    base = folder if named else env_file.parent
    try:
        lines = read_env_file(env_file, environment)
    except ValueError as error:
        return Found(said, (*problems, Problem(str(env_file), str(error))), env_file, base, is_whole=False)
    faults = [problem for line in lines if (problem := _fault_of_line(line, env_file))]
    in_lines = [(line.name, line.value) for line in lines if line.name and line.value is not None and not line.fault]
    in_file, problems_in_file = _gather(in_lines, known, str(env_file), in_file=True)
    of_others = {name: value for name, value in in_lines if not _OURS.match(name)}
    return Found(_merge(said, in_file), (*problems, *faults, *problems_in_file), env_file, base, of_others=of_others)


def expand_home(text: str, environment: Mapping[str, str]) -> Path:
    """The path with ``~`` and ``~user`` expanded; ``ValueError`` where nobody knows whose home that is."""
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        path = Path()
    if text.startswith("~") and (not path.is_absolute() or environment.get("HOME") == ""):
        raise ValueError("begins with ~, and whose home that is cannot be told here: write the folder out")
    return path


def strip_quotes(text: str) -> str:
    """Without white space and pairs of quotes around it, which Docker's ``--env-file`` keeps, as it does a ``\\r``."""
    text = _AROUND.sub("", text)
    first, last = text[:1], text[-1:]
    if len(text) > 1 and _QUOTES.get(first) == last and not {first, last} & set(text[1:-1]):
        return strip_quotes(text[1:-1])
    return text


def _merge(said: Mapping[str, Variable], in_file: Mapping[str, Variable]) -> dict[str, Variable]:
    over = {
        name: Variable(name, variable.value, f"{ENVIRONMENT}, before {in_file[name].source}")
        for name, variable in said.items()
        if name in in_file and in_file[name].value != variable.value
    }
    return {**in_file, **said, **over}


def _fault_of_line(line: Line, path: Path) -> Problem | None:
    """What is wrong with a line that is meant for us; what else the file holds is nobody's business here."""
    first, *others = line.text.splitlines() or [""]
    if any(_OUR_LINE.match(other) for other in others):
        return Problem(str(path), f"has a quote in line {line.number} that swallows settings below it: close it")
    if line.fault and _OUR_LINE.match(first):
        return Problem(str(path), line.fault)
    return None


def _gather(
    said: Iterable[tuple[str, str]], known: Collection[str], source: str, *, in_file: bool = False
) -> tuple[dict[str, Variable], list[Problem]]:
    """By name in capitals, as the settings are known whatever way they are written."""
    variables: dict[str, Variable] = {}
    problems: list[Problem] = []
    for written, raw in said:
        value = strip_quotes(raw)
        if not value or not _OURS.match(written):
            continue
        name = written.upper()
        if fault := _fault_of_name(name, known) or _fault_of_value(name, value):
            problems.append(Problem(_shown(name), fault, source))
        elif name in variables and variables[name].value != value:
            problems.append(Problem(name, "is set twice, to different values: keep one", source))
        else:
            variables[name] = Variable(name, value, source, in_file)
    return variables, problems


def _fault_of_name(name: str, known: Collection[str]) -> str | None:
    if name in known:
        return None
    if name == ENV_FILE:
        return "is looked for in the environment alone: set it there"
    parts = {each.removeprefix(PREFIX): each for each in known}
    close = difflib.get_close_matches(_OURS.sub("", name, count=1), parts, n=1)
    meant = f"did you mean {parts[close[0]]}?" if close else f"there are {', '.join(sorted(known))}"
    return f"is no setting: {meant}"


def _fault_of_value(name: str, value: str) -> str | None:
    if _CONTROL.search(value):
        return "holds a line end or another character that does not print: write it anew"
    if not value.isascii() and value != value.encode(errors="ignore").decode():
        return "holds bytes that are not UTF-8: write it anew"
    if (value[:1] in _QUOTES) != (value[-1:] in _QUOTES.values()):
        return "has a quote at one end alone: close it, or take it away"
    if name != API_KEY and looks_like_key(value):
        return f"holds what looks like an API key, whose place is {API_KEY} alone"
    return None


def _shown(name: str) -> str:
    """A name nobody knows, fit to be printed; a key that ran into it is no part of it."""
    return hide_key(_NOT_PLAIN.sub("?", name)[:60])

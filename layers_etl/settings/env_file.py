"""The file ``.env``: where it is looked for, and the lines it holds, whatever editor wrote it."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dotenv.parser import Binding, parse_stream
from dotenv.variables import Variable, parse_variables

PREFIX: Final = "LAYERS_"
"""What the names of all settings begin with."""

FILE_NAME: Final = ".env"
LARGEST_BYTES: Final = 1024 * 1024
"""No settings need a megabyte; what is larger is something else under this name."""

_PARENT_OF_PACKAGE: Final = Path(__file__).parents[2]
CHECKOUT: Final = _PARENT_OF_PACKAGE if (_PARENT_OF_PACKAGE / "pyproject.toml").is_file() else None
"""The folder of the project that the package runs from; None where the package is installed."""

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LINE_END: Final = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Line:
    """``name=value`` in line ``number``, as it stands but for the quotes and ``${…}`` of the format.

    ``value`` is None where nothing was understood; ``fault`` is what is wrong, as the predicate of a sentence.
    """

    number: int
    text: str
    name: str | None
    value: str | None
    fault: str | None = None


def find_env_file(*folders: Path | None) -> Path | None:
    """The first ``.env`` of these folders, even one that cannot be read: it is to be told, not passed over."""
    for folder in filter(None, folders):
        path = folder / FILE_NAME
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return path
        return path
    return None


def read_env_file(path: Path, environment: Mapping[str, str]) -> list[Line]:
    """All that it says. ``${NAME}`` stands for an earlier line's value, else the environment's.

    ``ValueError`` where it cannot be read: the predicate of a sentence that never repeats what the file holds.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except IsADirectoryError:
        raise ValueError("is a folder, not a file: rename it, or remove it") from None
    except FileNotFoundError:
        raise ValueError("is not there, or leads nowhere: put the file there, or remove the link to it") from None
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror}): give this user access to it, or remove it") from None
    if len(content) > LARGEST_BYTES:
        raise ValueError("is longer than a mebibyte: put a file with settings there, or remove it")
    return list(_lines(_decode(content), environment))


def _decode(content: bytes) -> str:
    encoding = next((encoding for mark, encoding in _MARKS if content.startswith(mark)), None) or _unmarked(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        where = f" (line {1 + content[: error.start].count(10)} is not)" if encoding == "utf-8" else ""
        raise ValueError(f"is no whole text in {encoding.upper()}{where}: save it as UTF-8") from None
    if "\0" in text:
        raise ValueError("holds NUL characters, which no text does: write it anew, as UTF-8")
    if not encoding.startswith("utf-8") and PREFIX.encode() in content:
        raise ValueError("holds lines in two encodings: save it as UTF-8")
    return text


def _unmarked(content: bytes) -> str:
    """UTF-16 shows by NULs in every other place from the first letter on, since the names of settings are ASCII."""
    if content[1:2] == b"\0" and 0 not in content[::2]:
        return "utf-16-le"
    if content[:1] == b"\0" and 0 not in content[1::2]:
        return "utf-16-be"
    return "utf-8"


def _lines(text: str, environment: Mapping[str, str]) -> Iterator[Line]:
    known = dict(environment)
    for binding in parse_stream(io.StringIO(text)):
        if binding.key is None and not binding.error:
            continue  # a comment, or nothing
        line = _line(binding, known)
        if line.name and line.value is not None:
            known[line.name] = line.value
        yield line


def _line(binding: Binding, known: Mapping[str, str]) -> Line:
    original = binding.original.string
    text = original.strip()
    number = binding.original.line + len(_LINE_END.findall(original[: len(original) - len(original.lstrip())]))
    if binding.key is None or binding.value is None:
        return Line(number, text, binding.key, None, f"is not understood in line {number}: write NAME=value")
    parts = list(parse_variables(binding.value))
    lacking = [part for part in parts if isinstance(part, Variable) and part.default is None and part.name not in known]
    fault = f"uses ${{{lacking[0].name}}} in line {number}, which is not set" if lacking else None
    return Line(number, text, binding.key, "".join(part.resolve(known) for part in parts), fault)

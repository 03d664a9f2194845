"""Standard output and error as this command line writes them: whatever is written, and wherever it goes, they hold.

The one place through which text reaches a terminal. Data is never a control code there, every encoding takes every
text, and a reader that has gone, a full disk or a closed descriptor costs what was said, not the work.
"""

from __future__ import annotations

import codecs
import io
import os
import select
import shutil
import sys
from typing import IO, Any, BinaryIO, Final

from layers_etl.domain.storable import with_visible_controls
from layers_etl.errors import StorageError

_PLAIN: Final = str.maketrans(
    {
        **dict.fromkeys("─━═", "-"),
        **dict.fromkeys("│┃║", "|"),
        **dict.fromkeys("┌┬┐├┼┤└┴┘┏┳┓┡╇┩╞╪╡", "+"),
        **dict.fromkeys("–—−", "-"),
        **dict.fromkeys("‘’", "'"),
        **dict.fromkeys("“”„", '"'),
        "…": "...",
        "·": ".",
        "\N{REPLACEMENT CHARACTER}": "?",
        "\N{NO-BREAK SPACE}": " ",
    }
)
_ERRORS: Final = "layers_etl.plain"


def open_standard_streams() -> None:
    """Put :class:`Stream` in the place of standard output and error, and nothing in the place of what is closed.

    A closed descriptor would otherwise be that of the next file that is opened: the warehouse's, or a log's.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # Takes the lowest number that is free, which is this one.
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] - it is where its descriptor was closed
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - a descriptor, open to the end
    codecs.register_error(_ERRORS, _in_plain_letters)
    sys.stdout = Stream(1, sys.stdout)
    sys.stderr = Stream(2, sys.stderr)


class Stream(io.TextIOWrapper):
    """A text stream to a descriptor; every control code but the end of a line and the tabulator is shown, not sent."""

    def __init__(self, descriptor: int, before: IO[str] | None) -> None:
        """In the place of ``before``, whose encoding it has; None where that was closed."""
        self._file = _Descriptor(descriptor, "wb", closefd=False)
        if before is not None:
            before.flush()
        super().__init__(
            io.BufferedWriter(self._file),
            encoding=getattr(before, "encoding", None) or "utf-8",
            errors=_ERRORS,
            line_buffering=True,
        )

    def write(self, text: str, /) -> int:
        """Send ``text``, with its control codes in plain letters."""
        super().write(with_visible_controls(text))
        return len(text)

    def draw(self, line: str) -> None:
        """Show ``line`` and return to its beginning, so that what is written next takes its place.

        That return is the one control code that is sent: every terminal knows it.
        """
        super().write(f"{with_visible_controls(line)}\r")

    @property
    def failure(self) -> OSError | None:
        """Why it took no more; None where it took all, or its reader had seen enough."""
        self.flush()
        return None if isinstance(self._file.failure, BrokenPipeError) else self._file.failure


class _Descriptor(io.FileIO):
    """A file whose first failure is kept; what it does not take is let go.

    What comes later is tried again, unless its reader has gone: while Dagster executes, the descriptor is that of a log
    in the data folder, whose disk may be full, and what is said in the end goes elsewhere.
    """

    failure: OSError | None = None

    def write(self, data: Any, /) -> int:
        """All of ``data`` that is taken; waits where the descriptor does not by itself."""
        try:
            while not isinstance(self.failure, BrokenPipeError):
                if (written := super().write(data)) is not None:  # pyright: ignore[reportUnnecessaryComparison]
                    return written
                select.select([], [self], [])
        except OSError as error:
            self.failure = self.failure or error
        return len(data)


def write_data(data: BinaryIO) -> None:
    """UTF-8 for programs, to standard output: to a terminal as text is written, else byte by byte as it is."""
    sys.stdout.flush()
    if sys.stdout.isatty():
        shutil.copyfileobj(io.TextIOWrapper(data, encoding="utf-8", errors="replace", newline=""), sys.stdout)
    else:
        shutil.copyfileobj(data, sys.stdout.buffer)
    sys.stdout.flush()


def ensure_all_was_taken() -> None:
    """For commands that are there to tell: raises :class:`StorageError` where standard output did not take all.

    A reader who has gone has seen enough.
    """
    failure = sys.stdout.failure if isinstance(sys.stdout, Stream) else None
    if failure:
        raise StorageError(
            f"Standard output did not take what was said ({failure.strerror}): see where it goes, and run this again."
        )


def _in_plain_letters(error: UnicodeError) -> tuple[str, int]:
    """What an encoding lacks: lines of tables and typographic marks as ASCII has them, else the character's number."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end].translate(_PLAIN)
    return lacking.encode("ascii", "backslashreplace").decode("ascii"), error.end

"""Other processes, as real ones: they run a module of this package and speak line by line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


class OtherProcess:
    """A Python process of our own; ``say`` and ``hear`` are lines of its standard streams."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def hear(self) -> str:
        """The next line; empty when it has ended."""
        assert self._process.stdout
        return self._process.stdout.readline().strip()

    def hear_until(self, part: str) -> str:
        """The first line with ``part`` in it; whatever it said instead, where it ends without."""
        heard: list[str] = []
        while line := self.hear():
            if part in line:
                return line
            heard.append(line)
        raise AssertionError(f"never said {part!r}, but: {heard}")

    def say(self, line: str) -> None:
        """A line to it."""
        assert self._process.stdin
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def go_on_for(self, seconds: float) -> None:
        """Let it work for a while, unless it ends before."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def kill(self) -> list[str]:
        """SIGKILL: no cleaning up. What it had said and was not heard yet, line by line."""
        self._process.kill()
        return self.wait()

    def wait(self) -> list[str]:
        """Let it end; the rest of what it said."""
        said, _ = self._process.communicate(timeout=30)
        return said.splitlines()

    @property
    def code(self) -> int | None:
        """What it ended with."""
        return self._process.poll()


@contextmanager
def other_process(*arguments: str) -> Generator[OtherProcess]:
    """A process that is gone after the block, however the block ends."""
    process = OtherProcess(*arguments)
    try:
        yield process
    finally:
        if process.code is None:
            process.kill()

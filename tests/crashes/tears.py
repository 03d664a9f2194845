"""What a machine that loses its power leaves of a DuckDB file: blocks that were half written, or never."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

HEADERS: Final = 3 * 4096
BLOCK: Final = 256 * 1024
"""Of a DuckDB file: three headers, then blocks."""

Tear = Callable[[Path, Path, Random], None]
"""Spoils a file; beside it, as it was before it was last written."""


def garble_new_block(path: Path, before: Path, random: Random) -> None:
    """Some 4 KiB or more of a block that was written last are garbage."""
    _garble(path, random.choice(_blocks(path, before, changed=True)), random)


def lose_new_block(path: Path, before: Path, random: Random) -> None:
    """A block that was written last was not: there is what was there before, or zeros."""
    block = random.choice(_blocks(path, before, changed=True))
    _write(path, block, _read(before, block).ljust(BLOCK, b"\0"))


def garble_old_block(path: Path, before: Path, random: Random) -> None:
    """Some of a block that was written long ago."""
    _garble(path, random.choice(_blocks(path, before, changed=False)), random)


def cut_short(path: Path, before: Path, random: Random) -> None:
    """The last block is not all there."""
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - random.randrange(4096, BLOCK))


def garble_headers(path: Path, before: Path, random: Random) -> None:
    """Both of the headers that tell where everything is."""
    _write(path, 4096, random.randbytes(2 * 4096))


def cut_wal(path: Path, before: Path, random: Random) -> None:
    """The log of what the file lacks ends in its middle."""
    wal = path.with_name(path.name + ".wal")
    with wal.open("r+b") as file:
        file.truncate(random.randrange(wal.stat().st_size // 4, wal.stat().st_size))


def garble_wal(path: Path, before: Path, random: Random) -> None:
    """A page of that log is garbage."""
    wal = path.with_name(path.name + ".wal")
    _write(wal, random.randrange(wal.stat().st_size // 2), random.randbytes(min(4096, wal.stat().st_size // 4)))


def _blocks(path: Path, before: Path, *, changed: bool) -> list[int]:
    """Where the blocks of ``path`` begin that are, or are not, as they were."""
    starts = range(HEADERS, path.stat().st_size, BLOCK)
    found = [start for start in starts if (_read(path, start) != _read(before, start)) is changed]
    assert found, "no such block"
    return [start for start in found if any(_read(path, start))]


def _garble(path: Path, block: int, random: Random) -> None:
    size = random.choice((4096, 65536, BLOCK))
    _write(path, block + random.randrange(0, BLOCK - size + 1, 4096), random.randbytes(size))


def _read(path: Path, at: int) -> bytes:
    with path.open("rb") as file:
        file.seek(at)
        return file.read(BLOCK)


def _write(path: Path, at: int, data: bytes) -> None:
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)

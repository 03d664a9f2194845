"""A command at a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Sequence

from .command import EXECUTABLE, LONGEST_SECONDS, CommandLine


def at_a_terminal(place: CommandLine, arguments: Sequence[str], **settings: str) -> bytes:
    """What a terminal gets."""
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [EXECUTABLE, *arguments], cwd=place.folder, env=place.environment(**settings), stdout=follower, stderr=follower
    ) as process:
        os.close(follower)
        got = b""
        try:
            while part := os.read(leader, 65536):
                got += part
        except OSError:  # How a terminal ends on Linux.
            pass
        os.close(leader)
        assert process.wait(LONGEST_SECONDS) == 0, got
    return got

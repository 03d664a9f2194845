"""A command that is over ends with its code, with all that it said, and at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import atexit, sys, threading
from layers_etl.process import interruption

interruption.end_at_once()


class Left:
    def __del__(self):
        print("taken down")


left = Left()
atexit.register(print, "put in order")
threading.Thread(target=print, args=["joined"]).start()
print("said without an end of line", end="")
if sys.argv[1] == "decided":
    interruption.end_as_decided(3)
raise SystemExit(3)
"""


@pytest.mark.parametrize(("how", "is_taken_down"), [("decided", False), ("undecided", True)])
def test_what_has_been_decided_ends_the_process_before_python_is_taken_down(how: str, *, is_taken_down: bool) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.returncode == 3
    assert ended.stderr == ""
    for words in ("joined", "said without an end of line", "put in order"):
        assert words in ended.stdout
    assert ("taken down" in ended.stdout) is is_taken_down

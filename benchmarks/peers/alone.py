"""Runs a command as the child of a process that is small itself, and tells what it took.

A process counts as its own peak of memory what its parent had when it began it, and who measures holds the truth of
millions of rows. ``python alone.py FILE COMMAND…`` writes four numbers as JSON: seconds by the clock and of the
processors, the peak in the system's own unit, and how it ended.
"""

import json
import os
import subprocess
import sys
import time

if __name__ == "__main__":
    started = time.monotonic()
    with subprocess.Popen(sys.argv[2:]) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - started
    with open(sys.argv[1], "w", encoding="utf-8") as told:  # noqa: PTH123 - small: without pathlib
        json.dump([seconds, used.ru_utime + used.ru_stime, used.ru_maxrss, process.returncode], told)

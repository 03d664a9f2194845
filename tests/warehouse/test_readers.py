"""Reading never blocks and is never blocked (rule 10), with readers in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from layers_etl.domain.days import DayWindow

from .builders import A, land, march, opened, publish, reading, spends, utc

pytestmark = pytest.mark.slow

PUBLISHES = 20
DAYS = DayWindow(march(1), march(31))


def start(module: str, file: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", f"tests.warehouse.{module}", str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ask(reader: subprocess.Popen[str]) -> int:
    assert reader.stdin is not None
    reader.stdin.write("look\n")
    reader.stdin.flush()
    return next_look(reader)[0]


def next_look(reader: subprocess.Popen[str]) -> tuple[int, ...]:
    """What it saw; empty if it is over."""
    assert reader.stdout is not None
    return tuple(map(int, reader.stdout.readline().split()))


def test_through_twenty_publishes_no_reader_waits_fails_or_sees_two_runs_mixed(tmp_path: Path) -> None:
    published = tmp_path / "warehouse.duckdb"
    impatient: subprocess.Popen[str] | None = None
    patient: subprocess.Popen[str] | None = None
    held, seen = 0, list[tuple[int, ...]]()
    with opened(tmp_path) as warehouse:
        for run in range(1, PUBLISHES + 1):
            # Every run gives every day the same spend: two runs mixed would show two.
            land(warehouse, reading(A, DAYS, utc(4, 1, 0, run), spends(DAYS, run)))
            assert publish(warehouse, f"run_{run}", utc(4, 1))
            if impatient is None or patient is None:
                impatient, patient = start("impatient_reader", published), start("patient_reader", published)
                held = ask(patient)
            seen.append(next_look(impatient))
        assert impatient is not None
        assert patient is not None
        still_held = ask(patient)
    while seen[-1] and seen[-1] != (PUBLISHES, PUBLISHES):
        seen.append(next_look(impatient))
    for reader in (impatient, patient):
        reader.kill()
        assert reader.communicate()[1] == ""
    assert all(smallest == largest for smallest, largest in seen)
    assert [smallest for smallest, _ in seen] == sorted(smallest for smallest, _ in seen)
    # Whoever had the first file open goes on reading it.
    assert held == still_held == len(DAYS)

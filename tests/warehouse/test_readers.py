"""Reading never blocks and is never blocked (rule 10), with readers in processes of their own."""

from __future__ import annotations

import subprocess
import sys
import time
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
    assert reader.stdout is not None
    reader.stdin.write("look\n")
    reader.stdin.flush()
    return int(reader.stdout.readline())


def test_through_twenty_publishes_no_reader_waits_fails_or_sees_two_runs_mixed(tmp_path: Path) -> None:
    published = tmp_path / "warehouse.duckdb"
    impatient: subprocess.Popen[str] | None = None
    patient: subprocess.Popen[str] | None = None
    held = 0
    with opened(tmp_path) as warehouse:
        for run in range(1, PUBLISHES + 1):
            # Every run gives every day the same spend: two runs mixed would show two.
            land(warehouse, reading(A, DAYS, utc(4, 1, 0, run), spends(DAYS, run)))
            assert publish(warehouse, f"run_{run}", utc(4, 1))
            if impatient is None or patient is None:
                impatient, patient = start("impatient_reader", published), start("patient_reader", published)
                held = ask(patient)
            time.sleep(0.1)
        assert impatient is not None
        assert patient is not None
        still_held = ask(patient)
    time.sleep(0.2)
    impatient.terminate()
    looks, errors = impatient.communicate(timeout=120)
    patient.communicate(timeout=120)
    seen = [tuple(map(int, line.split())) for line in looks.splitlines()]
    assert errors == ""
    assert len(seen) >= PUBLISHES
    assert all(smallest == largest for smallest, largest in seen)
    assert [smallest for smallest, _ in seen] == sorted(smallest for smallest, _ in seen)
    assert seen[-1] == (PUBLISHES, PUBLISHES)
    # Whoever had the first file open goes on reading it.
    assert held == still_held == len(DAYS)

"""What is said is let go where it is not taken, and no more than that."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from layers_etl.process.terminal import Stream


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_what_is_said_after_a_log_on_a_full_disk_took_no_more_arrives(tmp_path: Path) -> None:
    said = tmp_path / "said"
    descriptor = os.open(said, os.O_WRONLY | os.O_CREAT)
    stream = Stream(descriptor, None)
    elsewhere, full = os.dup(descriptor), os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, descriptor)
    stream.write("while the disk is full\n")
    os.dup2(elsewhere, descriptor)
    stream.write("in the end\n")
    stream.flush()

    assert said.read_text() == "in the end\n"
    assert stream.failure is not None
    for each in (descriptor, elsewhere, full):
        os.close(each)


def test_nothing_more_is_tried_once_the_reader_has_gone() -> None:
    reading, writing = os.pipe()
    stream = Stream(writing, None)
    os.close(reading)
    stream.write("to nobody\n")
    stream.write("nor this\n")

    assert stream.failure is None, "a reader who has gone has seen enough"
    os.close(writing)

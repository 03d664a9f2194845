"""The event loop of a run hands back what came, and looks at none of it."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from layers_etl.ingest.runner import InterruptibleRunner


@pytest.fixture
def runner() -> Generator[InterruptibleRunner]:
    """One, closed after the test."""
    runner = InterruptibleRunner()
    yield runner
    runner.close()


class Listing:
    """Takes long to describe, like ten thousand entities; counts how often it is asked to."""

    def __init__(self) -> None:
        """Not asked yet."""
        self.described = 0

    def __repr__(self) -> str:
        """Is not to be asked for."""
        self.described += 1
        return "entity by entity"


def test_what_came_is_handed_back_and_never_written_out(runner: InterruptibleRunner) -> None:
    listing = Listing()

    async def fetch() -> Listing:
        return listing

    assert runner.run(fetch()) is listing
    assert listing.described == 0


def test_what_breaks_off_is_raised_and_the_loop_goes_on(runner: InterruptibleRunner) -> None:
    async def fail() -> None:
        raise LookupError

    async def go_on() -> int:
        return 1

    with pytest.raises(LookupError):
        runner.run(fail())
    assert runner.run(go_on()) == 1

"""``layers-etl demo``: two weeks of simulated mornings."""

from __future__ import annotations

import logging

from layers_etl.cli.output import out, show_progress


def demo() -> None:
    """Live through two weeks of simulated daily runs against the sandbox; needs no key."""
    from layers_etl.cli.two_weeks import live_through_two_weeks

    show_progress(logging.WARNING)
    live_through_two_weeks(out)

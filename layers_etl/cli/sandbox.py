"""``layers-etl sandbox``: a simulated Layers API, and the manual of it."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from layers_etl.cli.arguments import instant_of
from layers_etl.errors import ConfigurationError
from layers_etl.process import interruption


class WithManual(TyperCommand):
    """A command whose help ends with the sandbox's manual, which takes its import: made only when it is asked for."""

    def get_help(self, ctx: Any) -> str:
        """The usual help, then the manual."""
        from layers_etl.sandbox.manual import describe

        return f"{super().get_help(ctx)}\n\n{describe()}"


def sandbox(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 8400,
    now: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="Where its clock stands still; default: the real time.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the world.")] = 7,
    projects: Annotated[int, typer.Option(min=1, help="Projects.")] = 1,
    accounts: Annotated[int, typer.Option(min=1, help="Ad accounts per project.")] = 3,
    campaigns: Annotated[int, typer.Option(min=1, help="Campaigns per account.")] = 8,
    requests_per_minute: Annotated[
        int | None, typer.Option(min=1, help="Enforce this rate limit; default: none is enforced.")
    ] = None,
) -> None:
    """Serve a simulated Layers API on this machine: what the demo and the tests talk to."""
    from layers_etl.sandbox.server import serve
    from layers_etl.sandbox.world import WorldConfig

    config = WorldConfig(seed=seed, projects=projects, accounts=accounts, campaigns=campaigns)
    try:
        with interruption.left_to_python():
            serve(config, port=port, now=instant_of(now) if now else None, requests_per_minute=requests_per_minute)
    except OSError as error:
        raise ConfigurationError(
            f"Port {port} cannot be used ({error.strerror}): choose another with --port."
        ) from None

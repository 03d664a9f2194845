"""``layers-etl completion``: what a shell has to be told to complete commands and options."""

from __future__ import annotations

import enum
from typing import Annotated, Final

import typer
from typer.completion import (
    completion_init,  # pyright: ignore[reportPrivateImportUsage] - Typer calls it for its own two options alone
    get_completion_script,  # pyright: ignore[reportPrivateImportUsage] - the same
)

from layers_etl.cli.output import out
from layers_etl.process.terminal import ensure_all_was_taken

PROGRAM: Final = "layers-etl"


class Shell(enum.StrEnum):
    """A shell that can be told."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def answer_shells() -> None:
    """Have the command line answer what the script asks of it, each time a user wants something completed."""
    completion_init()


def completion(shell: Annotated[Shell, typer.Argument(help="The shell to tell.")]) -> None:
    """Print the script that has a shell complete commands and options.

    bash: eval "$(layers-etl completion bash)" in ~/.bashrc; zsh: the same with zsh in ~/.zshrc, after compinit; fish:
    layers-etl completion fish | source in ~/.config/fish/config.fish.
    """
    variable = f"_{PROGRAM.replace('-', '_').upper()}_COMPLETE"
    out.print(get_completion_script(prog_name=PROGRAM, complete_var=variable, shell=shell))
    ensure_all_was_taken()

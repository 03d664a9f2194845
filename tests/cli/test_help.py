"""The help is whole, and shells complete what it names."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from layers_etl.cli.app import app

from ..harness.command import EXECUTABLE, LONGEST_SECONDS
from ..harness.fresh import of_other_programs

COMMANDS = tuple(get_command(app).commands)  # pyright: ignore[reportAttributeAccessIssue] - the app is a group


def asked_of(shell: str, script: str) -> list[str]:
    """What the shell prints, where the executable is on its path."""
    environment = {**of_other_programs(), "PATH": f"{EXECUTABLE.parent}{os.pathsep}{os.environ['PATH']}"}
    if shutil.which(shell, path=environment["PATH"]) is None:
        pytest.skip(f"there is no {shell} on this machine")
    ended = subprocess.run(
        [shell, "-c", script], env=environment, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=True
    )
    return ended.stdout.split()


@pytest.mark.parametrize("arguments", [["--help"], *([command, "-h"] for command in COMMANDS)], ids=" ".join)
def test_no_line_of_the_help_is_cut_short_at_80_columns(arguments: list[str]) -> None:
    shown = CliRunner().invoke(app, arguments, env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"})
    assert shown.exit_code == 0
    if arguments[0] != "sandbox":  # Whose manual has names of its own.
        assert "..." not in shown.output.replace("[OPTIONS] COMMAND [ARGS]...", "")
    assert "Exit codes: 0 all well" in shown.output or arguments != ["--help"]


def test_h_is_help_everywhere() -> None:
    for arguments in ([], *([command] for command in COMMANDS)):
        short, long = (CliRunner().invoke(app, [*arguments, option]) for option in ("-h", "--help"))
        assert (short.exit_code, short.output) == (0, long.output)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("layers-etl ba", {"backfill", "backtest"}),
        ("layers-etl run --d", {"--dry-run"}),
        ("layers-etl sql --format p", {"parquet"}),
        ("layers-etl completion ", {"bash", "zsh", "fish"}),
    ],
)
def test_bash_completes_commands_options_and_their_values(typed: str, offered: set[str]) -> None:
    script = f"""
        eval "$(layers-etl completion bash)"
        COMP_LINE='{typed}'; COMP_WORDS=($COMP_LINE)
        [[ $COMP_LINE == *' ' ]] && COMP_WORDS+=('')
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _layers_etl_completion layers-etl
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    assert set(asked_of("bash", script)) == offered


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_takes_its_script(shell: str) -> None:
    loaded = "autoload -Uz compinit; compinit -u; " if shell == "zsh" else ""
    source = "layers-etl completion fish | source" if shell == "fish" else f'eval "$(layers-etl completion {shell})"'
    assert asked_of(shell, f"{loaded}{source}; echo taken") == ["taken"]


@pytest.mark.slow
@pytest.mark.parametrize(("shell", "asks"), [("zsh", "complete_zsh"), ("fish", "complete_fish")])
def test_what_the_scripts_of_other_shells_ask_is_answered(shell: str, asks: str) -> None:
    environment = {
        **of_other_programs(),
        "_LAYERS_ETL_COMPLETE": asks,
        "_TYPER_COMPLETE_ARGS": "layers-etl ba",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    ended = subprocess.run(
        [EXECUTABLE], env=environment, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False
    )
    assert "backfill" in ended.stdout and "backtest" in ended.stdout, (shell, ended)
    assert "status" not in ended.stdout

"""What is said reaches people harmless, wherever it goes; where it goes nowhere, the work is done all the same."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator

import duckdb
import pytest

from layers_etl.sandbox.server import SandboxServer

from ..harness.command import EXECUTABLE, LONGEST_SECONDS, CommandLine
from ..harness.terminal import at_a_terminal
from ..harness.worlds import SMALL, TODAY

pytestmark = pytest.mark.slow

NASTY = "Japan [/sale] \x1b[31mred\x07 \u202e\u009b2J 東京 :smile:"
COMMANDS = (
    ["status"],
    ["doctor"],
    ["backtest"],
    ["sql", "FROM ads.ad_accounts"],
    ["sql", "--format", "csv", "SELECT 'ü'"],
)
ENCODINGS = ("ascii", "cp1252")


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """A folder with a warehouse in which a project and its accounts have names that no terminal should see."""
    with SandboxServer(SMALL, now=TODAY) as server:
        place = CommandLine(server, tmp_path_factory.mktemp("odd") / "data")
        server.world.update_project(place.project.id, name=NASTY)
        for account in server.world.accounts(place.project.id):
            server.world.update_account(account.id, name=NASTY, token_status="expired")
        assert place.run("run").code == 0
        yield place


def shell(place: CommandLine, line: str, **settings: str) -> subprocess.CompletedProcess[bytes]:
    """What ``sh`` makes of a line in which ``$E`` is the executable."""
    return subprocess.run(
        ["sh", "-c", line],
        cwd=place.folder,
        env={**place.environment(**settings), "E": str(EXECUTABLE)},
        capture_output=True,
        check=False,
        timeout=LONGEST_SECONDS * 4,
    )


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_command_is_understood_in_any_encoding_and_sends_no_control_code(odd: CommandLine, encoding: str) -> None:
    for arguments in (*COMMANDS, ["status", "--json"], ["run"]):
        got = at_a_terminal(odd, arguments, PYTHONIOENCODING=encoding, COLUMNS="300")
        text = got.decode(encoding).replace("\r\n", "\n")
        if arguments == ["run"]:
            text = text.replace("\r", "")  # With which a run draws its line again.
        assert "Traceback" not in text
        assert not {code for code in text if ord(code) < 32 or 127 <= ord(code) < 160} - {"\n", "\t"}, (arguments, text)
        assert "\u202e" not in text
        if arguments[0] == "status":
            assert "Japan [/sale] \\u001b[31mred" in text


def test_what_is_piped_to_programs_is_raw(odd: CommandLine) -> None:
    csv = shell(odd, "$E sql --format csv 'SELECT DISTINCT name FROM ads.ad_accounts'", PYTHONIOENCODING="ascii")
    assert NASTY in csv.stdout.decode("utf-8")


@pytest.mark.parametrize("redirection", ["<&- >&- 2>&-", ">/dev/full", ">/dev/full 2>&1"])
def test_a_run_does_its_work_whatever_becomes_of_what_it_says(place: CommandLine, redirection: str) -> None:
    ended = shell(place, f"$E run {redirection}")
    assert ended.returncode == 0, ended.stderr
    assert b"Traceback" not in ended.stdout + ended.stderr
    with duckdb.connect(str(place.published), read_only=True) as connection:
        assert connection.execute("SELECT count(*) > 0 FROM marts.campaign_daily").fetchall() == [(True,)]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_what_only_tells_ends_quietly_without_a_reader_and_with_a_sentence_on_a_full_disk(
    odd: CommandLine, arguments: list[str]
) -> None:
    line = shlex.join(arguments)
    gone = shell(odd, f"{{ $E {line}; echo $? >&2; }} | true")
    full = shell(odd, f"$E {line} > /dev/full")
    closed = shell(odd, f"$E {line} >&-")
    assert gone.stderr.split() == [b"0"]
    assert (full.returncode, closed.returncode) == (1, 0)
    assert full.stderr.startswith(b"layers-etl: Standard output did not take what was said (No space left on device)")
    assert len(full.stderr.splitlines()) == 1
    assert closed.stderr == b""


def test_arguments_that_are_no_text_end_with_a_sentence(place: CommandLine) -> None:
    line = "$E sql \"$(printf 'SELECT \\377')\"; $E backfill --since \"$(printf '\\377')\" --until 2026-03-02"
    ended = shell(place, line)
    assert b"Traceback" not in ended.stderr
    assert ended.stderr.count(b"layers-etl: ") == 2
    other = shell(place, "$E status", LAYERS_DATA_DIR="d\udcff\x1b[31m")
    assert b"Traceback" not in other.stderr and b"\x1b" not in other.stderr
    assert other.stderr.startswith(b"layers-etl: ")

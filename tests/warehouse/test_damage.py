"""Files that a power cut tore, or someone wrote into: the next run goes on from a whole one by itself."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from random import Random

import duckdb
import pytest

from layers_etl.errors import DamagedFileError, WarehouseError
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.published_file import PublishedFile
from layers_etl.warehouse.readers import open_newest

from . import builders
from .builders import A, dump, land, opened, reading, rows, spends, utc, window
from .processes import other_process
from .test_lost_build import open_again

DAYS = window(1, 7)
BLOCKS_BEGIN = 3 * 4096
BLOCK = 256 * 1024


def publish(warehouse: Warehouse, run_id: str = "run_1") -> bool:
    return builders.publish(warehouse, run_id, utc(3, 9))


def land_spend(warehouse: Warehouse, spend: int) -> None:
    land(warehouse, reading(A, DAYS, utc(3, 9, spend), spends(DAYS, spend)))


def spent(folder: Path) -> list[tuple[Decimal]]:
    with open_again(folder) as warehouse:
        return rows(warehouse, "SELECT DISTINCT spend FROM ads.campaign_metrics")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A spend of 1 is published, and one of 2 is read since."""
    with opened(tmp_path) as warehouse:
        land_spend(warehouse, 1)
        publish(warehouse)
        land_spend(warehouse, 2)
    return tmp_path


def garbage(file: Path) -> None:
    file.write_bytes(b"this is no database" * 1000)


def nothing(file: Path) -> None:
    file.write_bytes(b"")


def half(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def a_few_bytes(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:5000])


def no_header(file: Path) -> None:
    file.write_bytes(bytes(BLOCKS_BEGIN) + file.read_bytes()[BLOCKS_BEGIN:])


@pytest.mark.parametrize(
    "damage",
    [garbage, no_header, *(pytest.param(damage, marks=pytest.mark.slow) for damage in (nothing, half, a_few_bytes))],
)
def test_a_damaged_build_file_is_kept_aside_and_the_run_goes_on_from_the_published_one(
    folder: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    build = folder / "build.duckdb"
    damage(build)
    damaged = build.read_bytes()
    with caplog.at_level(logging.WARNING):
        assert spent(folder) == [(Decimal(1),)]
    (aside,) = folder.glob("build.duckdb.damaged-*")
    assert aside.read_bytes() == damaged
    (record,) = caplog.records
    said = record.getMessage()
    assert said.startswith(f"{build} is damaged and cannot be read as a DuckDB file (IO Error: ")
    assert said.endswith(
        f"It is kept as {aside.name}. Going on from warehouse.duckdb, published 2026-03-09 00:00Z: what was read since "
        "is read again."
    )


def test_a_log_that_was_torn_is_kept_aside_with_its_file(folder: Path) -> None:
    script = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); "
        "[c.execute('UPDATE ops.revision SET revision = revision + 1') for _ in range(50)]; "
        "print('written', flush=True); sys.stdin.readline()"
    )
    with other_process("-c", script, str(folder / "build.duckdb")) as writer:
        assert writer.hear() == "written"
        writer.kill()
    log = folder / "build.duckdb.wal"
    torn = bytearray(log.read_bytes())
    torn[len(torn) // 2 : len(torn) // 2 + 100] = Random(1).randbytes(100)
    log.write_bytes(torn)
    assert spent(folder) == [(Decimal(1),)]
    assert {path.suffix == ".wal" for path in folder.glob("build.duckdb.damaged-*")} == {True, False}
    assert not log.exists()


@pytest.mark.slow
def test_a_torn_block_that_no_query_needed_yet_is_found_after_a_kill_and_before_it_is_published(folder: Path) -> None:
    """In any block: the file is read whole where the process that had it last did not close it."""
    build = folder / "build.duckdb"
    whole = build.read_bytes()
    blocks = (len(whole) - BLOCKS_BEGIN) // BLOCK
    found = 0
    for number in range(blocks):
        torn = bytearray(whole)
        begin = BLOCKS_BEGIN + number * BLOCK
        torn[begin + 8 : begin + 4096] = Random(number).randbytes(4088)
        build.write_bytes(torn)
        (folder / "build.duckdb.open").touch()
        with open_again(folder) as warehouse:
            # A block that holds nothing any more may be torn without harm.
            assert rows(warehouse, "SELECT DISTINCT spend FROM ads.campaign_metrics") in ([(1,)], [(2,)])
            publish(warehouse, f"run_{number}")
        with PublishedFile(folder / "warehouse.duckdb").open() as published:
            assert published
            dump(published)
        found += len(list(folder.glob("build.duckdb.damaged-*")))
        for path in folder.glob("build.duckdb.damaged-*"):
            path.unlink()
    assert found > blocks // 2


def test_a_file_that_was_closed_is_not_read_whole_again(folder: Path) -> None:
    assert not (folder / "build.duckdb.open").exists()
    with open_again(folder):
        assert (folder / "build.duckdb.open").exists()
    assert not (folder / "build.duckdb.open").exists()


@pytest.mark.slow
def test_a_file_that_a_query_found_damaged_is_read_whole_by_whoever_opens_it_next(folder: Path) -> None:
    with open_again(folder) as warehouse:
        warehouse.is_distrusted = True
    assert (folder / "build.duckdb.open").exists()
    assert spent(folder) == [(Decimal(2),)]
    assert not (folder / "build.duckdb.open").exists()


def test_where_both_files_are_damaged_one_sentence_says_so_and_nothing_is_overwritten(folder: Path) -> None:
    for name in ("build.duckdb", "warehouse.duckdb"):
        (folder / name).chmod(0o644)
        half(folder / name)
    before = {path.name: path.read_bytes() for path in folder.glob("*.duckdb")}
    with pytest.raises(DamagedFileError, match="Neither was changed: put back a backup of either") as caught:
        spent(folder)
    assert "\n" not in str(caught.value)
    assert str(folder / "build.duckdb") in str(caught.value)
    assert str(folder / "warehouse.duckdb") in str(caught.value)
    assert {path.name: path.read_bytes() for path in folder.glob("*.duckdb*") if path.suffix == ".duckdb"} == before
    assert not list(folder.glob("*damaged*"))


def test_a_published_file_with_a_torn_block_is_no_file_to_go_on_from(folder: Path) -> None:
    published = folder / "warehouse.duckdb"
    published.chmod(0o644)
    torn = bytearray(published.read_bytes())
    for begin in range(BLOCKS_BEGIN, len(torn), BLOCK):
        torn[begin + 8 : begin + 4096] = Random(begin).randbytes(4088)
    published.write_bytes(torn)
    garbage(folder / "build.duckdb")
    with pytest.raises(DamagedFileError, match="Neither was changed"):
        spent(folder)


@pytest.mark.slow
def test_a_damaged_file_of_which_nothing_was_published_is_kept_and_everything_is_read_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    garbage(tmp_path / "build.duckdb")
    assert spent(tmp_path) == []
    assert len(list(tmp_path.glob("build.duckdb.damaged-*"))) == 1
    assert "Nothing was published yet" in caplog.text


@pytest.mark.slow
def test_files_that_are_damaged_again_are_all_kept(folder: Path) -> None:
    for _ in range(3):
        garbage(folder / "build.duckdb")
        assert spent(folder) == [(Decimal(1),)]
    assert len(list(folder.glob("build.duckdb.damaged-*"))) == 3


@pytest.mark.slow
def test_what_someone_else_wrote_into_the_published_file_is_told_where_a_run_goes_on_from_it(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    published = folder / "warehouse.duckdb"
    published.chmod(0o644)
    with duckdb.connect(str(published)) as analyst:
        analyst.execute("UPDATE ads.campaign_metrics SET spend = 99")
    (folder / "build.duckdb").unlink()
    with open_again(folder):
        pass
    assert "published 2026-03-09 00:00Z, which someone else has changed since." in caplog.text


@pytest.mark.slow
def test_a_build_file_that_another_program_has_open_is_not_taken_for_damaged(folder: Path) -> None:
    script = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.readline()"
    with other_process("-c", script, str(folder / "build.duckdb")) as program:
        assert program.hear() == "open"
        with pytest.raises(WarehouseError, match="Another program has"):
            spent(folder)
    assert not list(folder.glob("*damaged*"))
    assert spent(folder) == [(Decimal(2),)]


def test_a_damaged_build_file_is_none_to_look_into_and_is_left_as_it_is(folder: Path) -> None:
    garbage(folder / "build.duckdb")
    with open_newest(folder / "build.duckdb", PublishedFile(folder / "warehouse.duckdb")) as newest:
        assert newest
        assert rows(newest, "SELECT DISTINCT spend FROM ads.campaign_metrics") == [(1,)]
    assert not list(folder.glob("*damaged*"))


def test_looking_creates_nothing(folder: Path) -> None:
    (folder / "build.duckdb.lock").unlink()
    before = {path.name for path in folder.iterdir()}
    with open_newest(folder / "build.duckdb", PublishedFile(folder / "warehouse.duckdb")) as newest:
        assert newest
        assert rows(newest, "SELECT DISTINCT spend FROM ads.campaign_metrics") == [(2,)]
    assert {path.name for path in folder.iterdir()} == before


@pytest.mark.slow
def test_killed_while_the_first_file_is_made_the_next_run_makes_it(tmp_path: Path) -> None:
    """Under another name: what counts is there whole or not at all."""
    with opened(tmp_path / "elsewhere") as warehouse:
        whole = warehouse.path
    half_made = tmp_path / "build.duckdb.unfinished"
    shutil.copy(whole, half_made)
    half(half_made)
    half_made.with_name("build.duckdb.unfinished.wal").write_bytes(b"torn")
    assert spent(tmp_path) == []
    assert {path.name for path in tmp_path.iterdir()} == {"build.duckdb", "build.duckdb.lock", "elsewhere"}

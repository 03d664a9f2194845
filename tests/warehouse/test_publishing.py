"""Publishing: a whole copy in one step, skipped when nothing changed, and readers who never wait."""

from __future__ import annotations

import errno
import shutil
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from layers_etl.errors import StorageError, WarehouseError
from layers_etl.warehouse.connection import Warehouse
from layers_etl.warehouse.published_file import PublishedFile
from layers_etl.warehouse.publishing import Publication, load_state_id

from .builders import A, dump, land, march, opened, publish, reading, rows, spends, utc, window
from .machines import limit_the_file_system, refuse_locks, umask
from .processes import other_process

ANALYST = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1], read_only=True)
for _ in sys.stdin:
    print(connection.execute("SELECT sum(spend) FROM ads.campaign_metrics").fetchall()[0][0], flush=True)
"""


CARELESS = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
connection.execute("INSERT INTO ops.organization (organization_id) VALUES ('not ours')")
print("written", flush=True)
sys.stdin.readline()
"""


SPENDTHRIFT = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
connection.execute("UPDATE ads.campaign_metrics SET spend = 99")
print("written", flush=True)
sys.stdin.readline()
"""


def land_spend(warehouse: Warehouse, spend: float, hour: int = 6) -> None:
    land(warehouse, reading(A, window(1, 2), utc(3, 4, hour), spends(window(1, 2), spend)))


def test_the_published_file_holds_every_table_as_the_build_file_does(tmp_path: Path) -> None:
    with opened(tmp_path) as warehouse:
        land_spend(warehouse, 5)
        assert publish(warehouse, settled_until=march(1)) is True
        expected, state_id = dump(warehouse), load_state_id(warehouse)
    with PublishedFile(tmp_path / "warehouse.duckdb").open() as published:
        assert published
        assert dump(published) == expected
        assert published.publication == Publication(state_id, "run_1", utc(3, 5), utc(3, 5), march(1))


def test_a_reader_of_what_is_published_has_nothing_to_write_with(tmp_path: Path) -> None:
    with opened(tmp_path) as warehouse:
        publish(warehouse)
    with PublishedFile(tmp_path / "warehouse.duckdb").open() as published:
        assert published
        assert not isinstance(published, Warehouse)
        with pytest.raises(duckdb.InvalidInputException, match="read-only"):
            published.connection.execute("DELETE FROM ops.changed_days")


def test_before_the_first_publication_there_is_nothing_to_read_or_to_begin_again_from(tmp_path: Path) -> None:
    publisher = PublishedFile(tmp_path / "warehouse.duckdb")
    with publisher.open() as published, publisher.connect() as connection:
        assert (published, connection) == (None, None)
    assert publisher.published() is None
    assert publisher.restore(tmp_path / "build.duckdb") is None
    assert not list(tmp_path.iterdir())


def test_a_file_that_does_not_know_its_publication_is_published_anew(tmp_path: Path) -> None:
    """As a build file that was copied into its place."""
    target = tmp_path / "warehouse.duckdb"
    with opened(tmp_path) as warehouse:
        land_spend(warehouse, 5)
    shutil.copyfile(tmp_path / "build.duckdb", target)
    with PublishedFile(target).open() as published:
        assert published
        assert published.publication is None
    with opened(tmp_path) as warehouse:
        assert publish(warehouse) is True


@pytest.mark.slow
def test_publishing_leaves_nothing_beside_the_two_files(tmp_path: Path) -> None:
    with opened(tmp_path) as warehouse:
        for hour, spend in ((6, 5), (7, 6)):
            land_spend(warehouse, spend, hour)
            publish(warehouse)
            beside = {path.name for path in tmp_path.iterdir()}
            assert beside - {"build.duckdb.lock", "build.duckdb.open", "build.duckdb.wal"} == {
                "build.duckdb",
                "warehouse.duckdb",
            }
    assert {path.name for path in tmp_path.iterdir()} == {"build.duckdb", "build.duckdb.lock", "warehouse.duckdb"}


def test_publishing_is_skipped_while_nothing_changed(tmp_path: Path) -> None:
    target = tmp_path / "warehouse.duckdb"
    with opened(tmp_path) as warehouse:
        land_spend(warehouse, 5)
        assert publish(warehouse) is True
        before = (target.stat().st_ino, target.read_bytes())
        assert publish(warehouse, at=utc(3, 6)) is False
        assert (target.stat().st_ino, target.read_bytes()) == before
        land_spend(warehouse, 5, hour=7)
        assert publish(warehouse, at=utc(3, 6)) is True
        assert target.stat().st_ino != before[0]


@pytest.mark.slow
def test_writing_goes_on_after_publishing_and_shows_in_the_next_copy_only(tmp_path: Path) -> None:
    target = tmp_path / "warehouse.duckdb"
    with opened(tmp_path) as warehouse:
        land_spend(warehouse, 5)
        publish(warehouse)
        land_spend(warehouse, 6, hour=7)
        with PublishedFile(target).open() as published:
            assert published
            assert rows(published, "SELECT sum(spend) FROM ads.campaign_metrics") == [(Decimal(10),)]
        publish(warehouse)
        with PublishedFile(target).open() as published:
            assert published
            assert rows(published, "SELECT sum(spend) FROM ads.campaign_metrics") == [(Decimal(12),)]


def test_an_analyst_reads_on_while_the_file_is_replaced(tmp_path: Path) -> None:
    with opened(tmp_path) as warehouse:
        land_spend(warehouse, 5)
        publish(warehouse)
        target = str(tmp_path / "warehouse.duckdb")
        with other_process("-c", ANALYST, target) as early:
            early.say("now")
            assert early.hear() == "10.0000"
            land_spend(warehouse, 6, hour=7)
            assert publish(warehouse) is True
            early.say("now")
            assert early.hear() == "10.0000"
            with other_process("-c", ANALYST, target) as late:
                late.say("now")
                assert late.hear() == "12.0000"


@pytest.mark.parametrize("damage", [b"", b"no database" * 1000])
def test_a_published_file_that_cannot_be_read_is_replaced(tmp_path: Path, damage: bytes) -> None:
    target = tmp_path / "warehouse.duckdb"
    with opened(tmp_path) as warehouse:
        land_spend(warehouse, 5)
        publish(warehouse)
        target.write_bytes(damage)
        assert PublishedFile(target).published() is None
        assert publish(warehouse) is True
        assert PublishedFile(target).published() is not None


@pytest.mark.slow
def test_what_an_analyst_wrote_into_the_published_file_does_not_reach_the_next_one(tmp_path: Path) -> None:
    target = tmp_path / "warehouse.duckdb"
    with opened(tmp_path) as warehouse:
        land_spend(warehouse, 5)
        publish(warehouse)
        with other_process("-c", CARELESS, str(target)) as careless:
            assert careless.hear() == "written"
            careless.kill()
        assert (tmp_path / "warehouse.duckdb.wal").exists()
        land_spend(warehouse, 6, hour=7)
        assert publish(warehouse) is True
    with PublishedFile(target).open() as published:
        assert published
        assert rows(published, "SELECT sum(spend) FROM ads.campaign_metrics") == [(Decimal(12),)]
        assert rows(published, "SELECT * FROM ops.organization") == []


def test_a_copy_that_finds_no_space_is_told_and_leaves_nothing_on_the_disk(tmp_path: Path) -> None:
    with opened(tmp_path) as warehouse:
        land_spend(warehouse, 5)
        publish(warehouse)
        land_spend(warehouse, 6, hour=7)
        temporary = tmp_path / "warehouse.duckdb.unfinished"
        temporary.symlink_to("/dev/full")
        with pytest.raises(StorageError, match="No space left on device") as caught:
            publish(warehouse)
        assert "\n" not in str(caught.value)
        assert not temporary.is_symlink()
        with PublishedFile(tmp_path / "warehouse.duckdb").open() as published:
            assert published
            assert rows(published, "SELECT sum(spend) FROM ads.campaign_metrics") == [(Decimal(10),)]
        assert publish(warehouse) is True


@pytest.mark.slow
def test_the_published_file_copied_over_the_build_file_is_a_warehouse_to_go_on_with(tmp_path: Path) -> None:
    build = tmp_path / "build.duckdb"
    with opened(tmp_path) as warehouse:
        land_spend(warehouse, 5)
        publish(warehouse)
    build.unlink()
    shutil.copy(tmp_path / "warehouse.duckdb", build)
    with opened(tmp_path) as warehouse:
        land_spend(warehouse, 6, hour=7)
        assert publish(warehouse) is True


def test_a_published_file_that_was_deleted_is_made_again(tmp_path: Path) -> None:
    with opened(tmp_path) as warehouse:
        land_spend(warehouse, 5)
        publish(warehouse)
        (tmp_path / "warehouse.duckdb").unlink()
        assert publish(warehouse) is True


@pytest.mark.slow
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o444), (0o077, 0o400), (0o027, 0o440), (0o002, 0o444)])
def test_those_whom_the_umask_lets_may_read_the_published_file_and_nobody_may_write_it(
    tmp_path: Path, mask: int, mode: int
) -> None:
    with umask(mask), opened(tmp_path) as warehouse:
        publish(warehouse)
    assert (tmp_path / "warehouse.duckdb").stat().st_mode & 0o777 == mode
    assert (tmp_path / "build.duckdb").stat().st_mode & mask == 0


def test_a_published_file_that_someone_else_changed_is_replaced_though_nothing_was_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    target = tmp_path / "warehouse.duckdb"
    with opened(tmp_path) as warehouse:
        land_spend(warehouse, 5)
        publish(warehouse)
        target.chmod(0o644)
        with duckdb.connect(str(target)) as analyst:
            analyst.execute("UPDATE ads.campaign_metrics SET spend = 99")
        assert publish(warehouse, at=utc(3, 6)) is True
    assert f"{target} was written by someone else since it was published" in caplog.text
    assert published_spend(target) == Decimal(10)


@pytest.mark.slow
def test_a_log_that_someone_else_left_is_never_read_and_goes_though_nothing_was_read(tmp_path: Path) -> None:
    target = tmp_path / "warehouse.duckdb"
    log = tmp_path / "warehouse.duckdb.wal"
    with opened(tmp_path) as warehouse:
        land_spend(warehouse, 5)
        publish(warehouse)
        leave_a_log(target, tmp_path / "elsewhere.duckdb", log)
        with PublishedFile(target).open() as published:
            assert published
            assert rows(published, "SELECT sum(spend) FROM ads.campaign_metrics") == [(Decimal(10),)]
        assert log.exists(), "whoever reads may have no right to remove it"
        assert publish(warehouse, at=utc(3, 6)) is True
        assert not log.exists()
    assert published_spend(target) == Decimal(10)


def leave_a_log(published: Path, copy: Path, log: Path) -> None:
    """What an analyst's client leaves that had the file open for writing while a run replaced it."""
    shutil.copyfile(published, copy)
    with other_process("-c", SPENDTHRIFT, str(copy)) as analyst:
        assert analyst.hear() == "written"
        analyst.kill()
    copy.with_name(f"{copy.name}.wal").rename(log)
    copy.unlink()


def published_spend(target: Path) -> Decimal:
    """As a client of any kind reads it."""
    with duckdb.connect(str(target), read_only=True) as client:
        ((spend,),) = client.execute("SELECT sum(spend) FROM ads.campaign_metrics").fetchall()
    return spend


@pytest.mark.slow
def test_a_build_file_that_was_put_back_is_published_though_both_count_as_many_changes(tmp_path: Path) -> None:
    build, backup = tmp_path / "build.duckdb", tmp_path / "backup"
    with opened(tmp_path) as warehouse:
        land_spend(warehouse, 5)
        publish(warehouse)
    shutil.copyfile(build, backup)
    for spend in (6, 7):
        shutil.copyfile(backup, build)
        with opened(tmp_path) as warehouse:
            land_spend(warehouse, spend, hour=7)
            assert publish(warehouse) is True
        assert published_spend(tmp_path / "warehouse.duckdb") == 2 * spend


def test_a_data_folder_that_was_copied_with_its_times_is_not_published_again(tmp_path: Path) -> None:
    with opened(tmp_path / "old") as warehouse:
        land_spend(warehouse, 5)
        publish(warehouse)
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    with opened(tmp_path / "new") as warehouse:
        assert publish(warehouse) is False


def test_a_file_system_without_modes_times_and_syncing_of_folders_has_a_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_the_file_system(monkeypatch)
    with opened(tmp_path) as warehouse:
        land_spend(warehouse, 5)
        assert publish(warehouse) is True
    assert published_spend(tmp_path / "warehouse.duckdb") == Decimal(10)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_that_cannot_lock_is_told_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    refuse_locks(monkeypatch, number)
    with pytest.raises(WarehouseError, match="put the data folder on a local disk") as caught, opened(tmp_path):
        pass
    assert "\n" not in str(caught.value)

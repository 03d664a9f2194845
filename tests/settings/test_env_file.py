"""``.env``: found where the project is, read whatever editor wrote it, or refused by its name."""

from __future__ import annotations

import codecs
import os
import socket
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from layers_etl.errors import ConfigurationError, ExitCode
from layers_etl.settings import Settings, SettingsInForce, read_settings
from layers_etl.settings.env_file import LARGEST_BYTES

from ..harness.fresh import unset_all

KEY = "lp_live_verysecretkey"
TEXT = f"# Zoë's\nLAYERS_API_KEY={KEY}\r\nLAYERS_START_DATE=2025-07-01\nLAYERS_DATA_DIR=Daten für Zoë\n"


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The working directory, empty, and nothing in the environment."""
    folder = tmp_path / "here"
    folder.mkdir()
    unset_all(monkeypatch, folder)
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The folder of the project, elsewhere."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    return folder


def read(content: str | bytes, folder: Path) -> SettingsInForce:
    """The settings with a ``.env`` of this content in the folder."""
    (folder / ".env").write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_settings(checkout=None)


def refusal(content: str | bytes, folder: Path) -> str:
    """The sentence that refuses it."""
    with pytest.raises(ConfigurationError) as caught:
        read(content, folder).require()
    assert caught.value.exit_code is ExitCode.CONFIGURATION
    sentence = str(caught.value)
    assert KEY not in sentence and str(folder / ".env") in sentence
    assert sentence.isprintable() and "Error" not in sentence and "codec" not in sentence
    return sentence


# Where it is looked for ----------------------------------------------------------------------------------------------


def test_it_is_looked_for_in_the_working_directory_else_in_the_checkout(here: Path, checkout: Path) -> None:
    assert read_settings(checkout).env_file is None
    (checkout / ".env").write_text("LAYERS_START_DATE=2025-01-01\nLAYERS_AUDIT_PERCENT=5")
    assert read_settings(checkout).env_file == checkout / ".env"
    assert read_settings(checkout).require().start_date == date(2025, 1, 1)
    (here / ".env").write_text("LAYERS_START_DATE=2025-02-02")
    settings = read_settings(checkout).require()
    assert (settings.start_date, settings.audit_percent) == (date(2025, 2, 2), 1), "at most one is read"


def test_an_installed_package_looks_in_the_working_directory_alone(here: Path) -> None:
    found = read_settings(checkout=None)
    assert (found.env_file, found.looked_in) == (None, (here,))


@pytest.mark.parametrize("said", ["LAYERS_DATA_DIR=ads", ""])
def test_a_relative_data_folder_is_relative_to_the_env_file_that_says_it_or_could(checkout: Path, said: str) -> None:
    (checkout / ".env").write_text(said)
    assert read_settings(checkout).require().data_dir == checkout / ("ads" if said else "data")


def test_a_relative_data_folder_stays_short_where_it_is_the_same_place(
    here: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / ".env").write_text("LAYERS_DATA_DIR=ads")
    assert read_settings(checkout).require().data_dir == Path("ads")
    (here / ".env").unlink()
    assert read_settings(checkout).require().data_dir == Path("data")
    (checkout / ".env").write_text("LAYERS_DATA_DIR=elsewhere")
    monkeypatch.setenv("LAYERS_DATA_DIR", "ads")
    assert read_settings(checkout).require().data_dir == Path("ads"), "of the environment: the working directory"


def test_the_environment_goes_before_it_unless_it_is_empty(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAYERS_START_DATE", "2025-02-02")
    monkeypatch.setenv("LAYERS_DATA_DIR", "")
    found = read(TEXT, here)
    settings = found.require()
    assert (settings.start_date, settings.data_dir) == (date(2025, 2, 2), Path("Daten für Zoë"))
    sources = {setting.variable: setting.source for setting in found.told}
    assert sources["LAYERS_START_DATE"] == f"environment, before {here / '.env'}"
    assert sources["LAYERS_DATA_DIR"] == str(here / ".env")
    assert sources["LAYERS_SCOPES"] == "default"


def test_another_file_can_be_named_in_the_environment(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secrets").write_text(TEXT, encoding="utf-8")
    (here / ".env").write_text("LAYERS_SCOPES=ad")
    monkeypatch.setenv("LAYERS_ENV_FILE", "../secrets")
    settings = read_settings(checkout=None).require()
    assert (settings.start_date, settings.scopes) == (date(2025, 7, 1), Settings().scopes)
    assert settings.data_dir == Path("Daten für Zoë"), "named from here, and so is its folder"
    monkeypatch.setenv("LAYERS_ENV_FILE", "nowhere")
    with pytest.raises(ConfigurationError, match=r"nowhere is not there"):
        read_settings(checkout=None).require()
    monkeypatch.setenv("LAYERS_ENV_FILE", os.devnull)
    assert read_settings(checkout=None).require() == Settings()


def test_a_process_in_another_folder_finds_the_same_settings(
    here: Path, tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout / ".env").write_text("LAYERS_SCOPES=ad")
    monkeypatch.setenv("layers_data_dir", "ads")
    monkeypatch.setenv("LAYERS_AUDIT_PERCENT", "3")
    for folder, text in ((checkout, TEXT), (here, "LAYERS_START_DATE=2025-07-01"), (here, None)):
        for each in (here, checkout):
            (each / ".env").unlink(missing_ok=True)
        if text:
            (folder / ".env").write_text(text, encoding="utf-8")
        found = read_settings(checkout)
        handed_on = found.environment()
        with pytest.MonkeyPatch.context() as patch:
            for name in list(os.environ):
                patch.delenv(name)
            for name, value in handed_on.items():
                patch.setenv(name, value)
            patch.chdir(tmp_path)
            (tmp_path / ".env").write_text("LAYERS_SCOPES=project")
            elsewhere = read_settings(tmp_path).require()
        assert found.require().data_dir == Path("ads") and elsewhere.data_dir == here / "ads"
        assert (elsewhere.scopes, elsewhere.start_date, elsewhere.audit_percent) == (
            found.require().scopes, found.require().start_date, 3,
        )  # fmt: skip


# Encodings -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        codecs.BOM_UTF8 + TEXT.encode(),
        TEXT.encode("utf-16"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        TEXT.encode("utf-32"),
        TEXT.replace("\r\n", "\n").replace("\n", "\r").encode(),
    ],
    ids=["UTF-8", "UTF-8 with mark", "UTF-16", "UTF-16 big", "unmarked", "unmarked big", "UTF-32", "old line ends"],
)
def test_it_is_read_in_the_encodings_that_editors_write(here: Path, content: bytes) -> None:
    settings = read(content, here).require()
    assert settings.require_api_key().get_secret_value() == KEY
    assert (settings.start_date, settings.data_dir) == (date(2025, 7, 1), Path("Daten für Zoë"))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (TEXT.encode("latin-1"), "is no whole text in UTF-8 (line 1 is not): save it as UTF-8"),
        (b"LAYERS_API_KEY=x\n" * 2 + b"# \xff", "(line 3 is not)"),
        (TEXT.encode("utf-16")[:-1], "is no whole text in UTF-16"),
        (TEXT.encode() + bytes(512), "holds NUL characters"),
        (TEXT.encode() + TEXT.encode("utf-16-le"), "is no whole text in UTF-8 (line 5 is not)"),
        (TEXT.encode("utf-16") + b"LAYERS_SCOPES=ad\n\n", "holds lines in two encodings"),
        (b"SQLite format 3\0" + bytes(range(256)), "is no whole text"),
        (b"#" * (LARGEST_BYTES + 1), "is longer than a mebibyte"),
    ],
    ids=[
        "latin-1",
        "one byte",
        "cut UTF-16",
        "NULs after a power cut",
        "two in one",
        "the other way round",
        "a database",
        "very long",
    ],
)
def test_what_is_no_text_is_refused_by_its_name(here: Path, content: bytes, why: str) -> None:
    assert why in refusal(content, here)


def test_what_is_no_file_is_refused_by_its_name(here: Path) -> None:
    path = here / ".env"
    for make, why in (
        (path.mkdir, "is a folder, not a file"),
        (lambda: path.symlink_to("nowhere"), "is not there, or leads nowhere"),
        (lambda: socket.socket(socket.AF_UNIX).bind(".env"), "cannot be read"),
        (lambda: path.symlink_to(path), "cannot be read"),
    ):
        make()
        with pytest.raises(ConfigurationError) as caught:
            read_settings(checkout=None).require()
        assert f"{path} {why}" in str(caught.value)
        path.rmdir() if path.is_dir() else path.unlink()


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: f"LAYERS_{text}".encode(errors="ignore")))
def test_whatever_it_holds_it_is_read_or_refused_in_a_sentence(here: Path, content: bytes) -> None:
    found = read(content, here)
    assert (found.settings is None) == bool(found.problems)
    assert all(str(problem).isprintable() for problem in found.problems)


# Lines ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("\n\n# x\nLAYERS_API_KEY: " + KEY, "is not understood in line 4: write NAME=value"),
        ("LAYERS_API_KEY " + KEY, "is not understood in line 1"),
        ("FOO=1\nexport LAYERS_SCOPES\n", "is not understood in line 2"),
        ('LAYERS_DATA_DIR="data', "is not understood in line 1"),
        ('LAYERS_DATA_DIR="data" folder', "is not understood in line 1"),
        (f'FOO="a\nLAYERS_API_KEY={KEY}\nBAR="', "has a quote in line 1 that swallows settings below it"),
        ("LAYERS_DATA_DIR=${NOWHERE}/data", "uses ${NOWHERE} in line 1, which is not set"),
        ("LAYERS_START_DAY=2026-01-01", "LAYERS_START_DAY is no setting: did you mean LAYERS_START_DATE?"),
        ("\n\ufeffLAYERS_START_DATE=2026-01-01", "?LAYERS_START_DATE is no setting"),
        ("LAYERS_START_DATE=2026-01-01\nLAYERS_START_DATE=2026-01-02", "LAYERS_START_DATE is set twice"),
        ("LAYERS_ENV_FILE=other", "LAYERS_ENV_FILE is looked for in the environment alone"),
        ("LAYERS_SETTLE_HOURS=72,facebook=10", "LAYERS_SETTLE_HOURS names a platform nobody knows"),
    ],
)
def test_a_line_that_would_be_passed_over_is_refused(here: Path, content: str, why: str) -> None:
    assert why in refusal(content, here)


def test_what_is_not_ours_in_it_is_nobodys_business(here: Path) -> None:
    others = (
        "AWS_SECRET=${NOWHERE}\nif true; then\nPLAYERS_MAX=3\n# LAYERS_START_DAY=1\n#LAYERS_FOO\nLAYERS_WAREHOUSE=\n"
    )
    assert read(others + "LAYERS_AUDIT_PERCENT=2 # per cent", here).require().audit_percent == 2


def test_variables_in_it_are_put_in(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMEWHERE", "/srv")
    assert read("A=ads\nLAYERS_DATA_DIR=${SOMEWHERE}/${A}/${B:-b}", here).require().data_dir == Path("/srv/ads/b")


def test_of_a_file_that_cannot_be_read_nothing_is_told_as_a_default(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAYERS_START_DATE", "2025-02-02")
    assert [told.variable for told in read(b"\xff", here).told] == ["LAYERS_START_DATE"]

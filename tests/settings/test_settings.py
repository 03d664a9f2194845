"""Settings: defaults that work, plain sentences for wrong values, and no value of them ever repeated."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, fields
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from layers_etl.domain.lake import Catalog
from layers_etl.domain.metrics import PLATFORMS
from layers_etl.domain.scopes import AD, AD_ACCOUNT, ADSET, CAMPAIGN, PROJECT
from layers_etl.domain.settlement import SettlingTimes
from layers_etl.errors import ConfigurationError
from layers_etl.settings import (
    LONGEST_REQUEST_LOG_DAYS,
    LONGEST_SETTLE_HOURS,
    MOST_REQUESTS_PER_MINUTE,
    Settings,
    parse_settling_times,
    read_settings,
)

from ..harness.fresh import unset_all

KEY = "lp_live_verysecretkey"
Load = Callable[..., Settings]
SETTINGS = [setting.name for setting in fields(Settings)]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Load:
    """Loads the settings from an environment of exactly these variables, in an empty folder."""
    unset_all(monkeypatch, tmp_path)

    def load_with(**variables: str) -> Settings:
        for name, value in variables.items():
            monkeypatch.setenv(f"LAYERS_{name}", value)
        return read_settings(checkout=None).require()

    return load_with


def test_every_setting_has_a_default_that_works(load: Load) -> None:
    settings = load()
    assert settings == Settings()
    assert settings.api_key is None
    assert settings.base_url == "https://api.layers.com"
    assert settings.organization is None
    assert settings.project_ids == ()
    assert settings.data_dir == Path("data")
    assert settings.start_date == date(2026, 1, 1)
    assert settings.settle_hours == SettlingTimes(78)
    assert set(settings.scopes) == {CAMPAIGN, AD_ACCOUNT}
    assert settings.requests_per_minute is None
    assert settings.allow_mixed_keys is False
    assert settings.key_kind is None
    assert settings.build_path == Path("data/build.duckdb")
    assert settings.published_path == Path("data/warehouse.duckdb")


def test_every_setting_is_read_from_the_environment(load: Load) -> None:
    settings = load(
        API_KEY=KEY,
        BASE_URL="http://127.0.0.1:8400/",
        ORGANIZATION="org_child",
        PROJECT_IDS="prj_1, prj_2,,",
        DATA_DIR="/srv/ads",
        START_DATE="2025-07-01",
        SETTLE_HOURS="96,meta_ads=672",
        SCOPES="ad, campaign",
        REQUESTS_PER_MINUTE="60",
        REQUEST_LOG_DAYS="7",
        AUDIT_PERCENT="0.5",
        ALLOW_MIXED_KEYS="true",
        NOTIFY_URL="https://name:word@hooks.example.com/services/T0?key=K",
        PING_URL="http://localhost:8000/ping",
        OWNERS="team:growth, ann@example.com",
        CODE_LOCATION="acme-uk",
        WAREHOUSE="ducklake:postgres:host=db dbname=lake user=etl?schema=org_a",
        WAREHOUSE_DATA="s3://bucket/lake/",
        WAREHOUSE_KEEP_DAYS="7",
    )
    assert settings.require_api_key().get_secret_value() == KEY
    told = asdict(settings)
    secrets = [told.pop(name) for name in ("api_key", "notify_url", "ping_url")]
    assert [secret.get_secret_value() for secret in secrets] == [
        KEY,
        "https://name:word@hooks.example.com/services/T0?key=K",
        "http://localhost:8000/ping",
    ]
    assert told == {
        "base_url": "http://127.0.0.1:8400",
        "organization": "org_child",
        "project_ids": ("prj_1", "prj_2"),
        "data_dir": Path("/srv/ads"),
        "start_date": date(2025, 7, 1),
        "settle_hours": {"default_hours": 96, "by_platform": {"meta_ads": 672}},
        "scopes": (asdict(CAMPAIGN), asdict(AD)),
        "requests_per_minute": 60,
        "request_log_days": 7,
        "audit_percent": 0.5,
        "allow_mixed_keys": True,
        "owners": ("team:growth", "ann@example.com"),
        "code_location": "acme-uk",
        "warehouse": {"server": "host=db dbname=lake user=etl", "schema": "org_a", "file": None},
        "warehouse_data": "s3://bucket/lake",
        "warehouse_keep_days": 7,
    }


def test_a_catalog_in_a_file_and_a_folder_for_its_files_are_where_the_env_file_is(
    load: Load, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("LAYERS_WAREHOUSE=ducklake:lakes/a.ducklake\nLAYERS_WAREHOUSE_DATA=files\n")
    settings = load()
    assert settings.warehouse == Catalog(file=tmp_path / "lakes/a.ducklake")
    assert settings.warehouse_data == str(tmp_path / "files")


def test_a_name_may_be_written_in_small_letters(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("layers_start_date", "2025-07-01")
    assert load().start_date == date(2025, 7, 1)


def test_a_project_that_is_named_twice_is_read_once(load: Load) -> None:
    assert load(PROJECT_IDS="prj_2,prj_1, prj_2").project_ids == ("prj_2", "prj_1")


@pytest.mark.parametrize("empty", ["", "  ", '""', "''", "\r"])
def test_an_empty_variable_is_one_that_is_not_set(load: Load, empty: str) -> None:
    assert load(**dict.fromkeys(map(str.upper, SETTINGS), empty), NOT_KNOWN=empty) == Settings()


@pytest.mark.parametrize(
    "said", ['"{}"', "'{}'", " {} ", "{}\r", '"{}"\r', "\ufeff{}", "“{}”", "\"'{}'\"", '" {} "', "\u200b{}\u00a0"]
)
def test_white_space_and_quotes_around_a_value_are_none_of_it(load: Load, said: str) -> None:
    settings = load(
        DATA_DIR=said.format("data"), START_DATE=said.format("2025-07-01"), API_KEY=said.format(KEY),
        PROJECT_IDS=said.format("prj_1, prj_2"), ALLOW_MIXED_KEYS=said.format("true"),
    )  # fmt: skip
    assert settings.data_dir == Path("data")
    assert settings.start_date == date(2025, 7, 1)
    assert settings.require_api_key().get_secret_value() == KEY
    assert settings.project_ids == ("prj_1", "prj_2")
    assert settings.allow_mixed_keys is True


def test_each_of_several_may_stand_in_quotes(load: Load) -> None:
    assert load(PROJECT_IDS='"prj_1", "prj_2"').project_ids == ("prj_1", "prj_2")


# Folders -----------------------------------------------------------------------------------------------------------


def test_a_tilde_is_the_home_folder(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert load(DATA_DIR="~/layers").data_dir == Path("/home/somebody/layers")
    assert load(DATA_DIR='"~"').data_dir == Path("/home/somebody")


@pytest.mark.parametrize(("folder", "home"), [("~nobody_of_this_name/layers", "/root"), ("~/layers", "")])
def test_a_home_that_cannot_be_told_is_a_sentence(
    load: Load, monkeypatch: pytest.MonkeyPatch, folder: str, home: str
) -> None:
    monkeypatch.setenv("HOME", home)
    with pytest.raises(ConfigurationError, match=r"LAYERS_DATA_DIR begins with ~.*write the folder out"):
        load(DATA_DIR=folder)


def test_a_home_that_is_not_set_is_asked_of_the_system(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    assert load(DATA_DIR="~/layers").data_dir.is_absolute()


@pytest.mark.parametrize("folder", ["/srv/Anzeigen für Zoë", "データ", "./a b/c", "$", "5' x 5 m", "/"])
def test_any_other_folder_is_taken_as_it_is(load: Load, folder: str) -> None:
    assert load(DATA_DIR=folder).data_dir == Path(folder)


def test_a_working_directory_that_is_gone_is_a_sentence(load: Load, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    os.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(ConfigurationError, match="The working directory cannot be used"):
        load()


# Settling times ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("72", SettlingTimes(72)),
        ("0", SettlingTimes(0)),
        ("meta_ads=672,apple_ads=720", SettlingTimes(78, {"meta_ads": 672, "apple_ads": 720})),
        ("96,meta_ads=672", SettlingTimes(96, {"meta_ads": 672})),
        ("meta_ads = 672 , 96", SettlingTimes(96, {"meta_ads": 672})),
        (str(LONGEST_SETTLE_HOURS), SettlingTimes(LONGEST_SETTLE_HOURS)),
    ],
)
def test_settling_times_are_whole_hours_and_hours_by_platform(text: str, expected: SettlingTimes) -> None:
    assert parse_settling_times(text) == expected


@given(
    st.integers(0, LONGEST_SETTLE_HOURS),
    st.dictionaries(st.sampled_from(sorted(PLATFORMS)), st.integers(0, LONGEST_SETTLE_HOURS)),
)
def test_every_settling_time_can_be_said(default: int, by_platform: dict[str, int]) -> None:
    said = ",".join([str(default), *(f"{platform}={hours}" for platform, hours in by_platform.items())])
    assert parse_settling_times(said) == SettlingTimes(default, by_platform)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("72,facebook=10", "names a platform nobody knows: there are apple_ads, meta_ads, tiktok_ads"),
        ("72,=10", "names a platform nobody knows"),
        ("72,Meta_Ads=10", "names a platform nobody knows"),
        ("meta_ads=72,meta_ads=96", "says meta_ads twice"),
        ("72,96", "says the hours of all platforms twice"),
    ],
)
def test_a_settling_time_that_would_be_passed_over_is_refused(load: Load, text: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=f"LAYERS_SETTLE_HOURS {sentence}"):
        load(SETTLE_HOURS=text)


# What is wrong -----------------------------------------------------------------------------------------------------

WRONG: dict[str, list[str]] = {
    "API_KEY": ["two words", "lp_live_ключ", "lp_live_a\u200bb", "lp_live_\udcff", "lp_live_a\tb"],
    "BASE_URL": ["layers", "http://example.com", "ftp://example.com", "https://", "https://a b.com", "https://a:99999",
                 "https://user:pass@example.com", "https://:pass@example.com", "https://example.com?a=b",
                 "https://[::1", "https://xn--", "https://a.com,https://b.com"],
    "ORGANIZATION": ["org_zoë", "two words", "org_1,org_2", "x" * 257, "org\x01"],
    "PROJECT_IDS": [",", "prj_1;prj_2", "prj_1 prj_2", '["prj_1"]', "x" * 257, "."],
    "DATA_DIR": ["$HOME/layers", "${HOME}/layers", "data\nLAYERS_API_KEY=x", "da\x1bta", "d\udcff", '"data', "data'"],
    "START_DATE": ["yesterday", "2026-02-30", "01.02.2026", "20260101", "1999-12-31", "2100-01-01", "9999999999",
                   "2026-W01-1", "2026-01-01T00:00:00", "٢٠٢٦-٠١-٠١", "2026-01-01 # the first day"],
    "SETTLE_HOURS": ["three days", "-1", "71.5", "meta_ads", "meta_ads=", "72h", str(LONGEST_SETTLE_HOURS + 1), "7²",
                     "72;meta_ads=96", "72 meta_ads=96", "9" * 5000],
    "SCOPES": ["campaigns", "campaign,audience", ",", "Campaign"],
    "REQUESTS_PER_MINUTE": ["0", "-5", "fast", "1.5", str(MOST_REQUESTS_PER_MINUTE + 1), "1_000", "∞"],
    "REQUEST_LOG_DAYS": ["0", "-1", "30d", str(LONGEST_REQUEST_LOG_DAYS + 1)],
    "NOTIFY_URL": ["hooks.example.com/T0", "ftp://example.com", "http://example.com/T0", "https://", "https://a.de/#T0"],
    "PING_URL": ["ping", "http://10.0.0.7/ping"],
    "AUDIT_PERCENT": ["-1", "101", "nan", "inf", "1%", "1e1", "100.1", "."],
    "ALLOW_MIXED_KEYS": ["maybe", "2", "truee"],
    "WAREHOUSE": ["warehouse.duckdb", "ducklake:", "postgres:dbname=lake", "ducklake:postgres:dbname=lake",
                  "ducklake:postgres:dbname=lake password=hunter22?schema=a", "ducklake:postgres://u:hunter22@host/lake",
                  "ducklake:postgres:postgresql://u:hunter22@host/lake", "ducklake:postgres:dbname=lake?schema=A B",
                  "ducklake:$HOME/lake"],
    "WAREHOUSE_DATA": ["s3://", "gs://bucket/lake", "s3://Bucket", "$HOME/files", "s3://bucket/a?b"],
    "WAREHOUSE_KEEP_DAYS": ["0", "-1", "30d", "100000"],
    "OWNERS": [",", "team:", "ann", "ben@host", "team:ads data", "team:a;team:b", "@host.de"],
    "CODE_LOCATION": ["Acme", "acme_uk", "acme/uk", "-acme", "acme-", "4acme", "acmé", "acme uk", "a" * 41],
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_wrong_value_is_one_sentence_that_names_the_variable_and_where_to_look(
    load: Load, name: str, value: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(**{name: value})
    sentence = str(caught.value)
    assert f"LAYERS_{name}" in sentence and "(environment)" in sentence
    assert ".env.example" in sentence
    assert "\n" not in sentence and sentence.isprintable()
    assert not any(word in sentence for word in ("Error", "pydantic", "str'", "input"))
    assert len(value) < 10 or value not in sentence


def test_every_setting_can_be_wrong() -> None:
    assert set(WRONG) == set(map(str.upper, SETTINGS))


@pytest.mark.parametrize("name", [*(name for name in WRONG if name != "API_KEY"), "ENV_FILE"])
@pytest.mark.parametrize("around", ["{}", '"{}"', "prj_1,{}", "https://{}@api.layers.com"])
def test_a_key_put_into_another_variable_is_refused_and_never_repeated(load: Load, name: str, around: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(**{name: around.format(KEY)})
    assert KEY not in str(caught.value) and "LAYERS_API_KEY" in str(caught.value)
    assert caught.value.__cause__ is None and caught.value.__context__ is None


def test_a_folder_may_be_called_after_a_key(load: Load) -> None:
    assert load(DATA_DIR="/srv/lp_live_warehouse").data_dir == Path("/srv/lp_live_warehouse")


def test_several_wrong_values_are_all_named(load: Load) -> None:
    with pytest.raises(ConfigurationError, match=r"LAYERS_START_DATE.*LAYERS_SCOPES"):
        load(START_DATE="soon", SCOPES="everything")


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from(SETTINGS), st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_whatever_a_variable_holds_it_is_taken_or_refused_in_a_sentence(load: Load, name: str, value: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(f"LAYERS_{name.upper()}", value)
        found = read_settings(checkout=None)
    assert (found.settings is None) == bool(found.problems)
    assert all(problem.subject == f"LAYERS_{name.upper()}" for problem in found.problems)
    assert len(found.told) + len(found.problems) == len(SETTINGS)


# Names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("LAYERS_START_DAY", "did you mean LAYERS_START_DATE?"),
        ("LAYERS_PROJECT_ID", "did you mean LAYERS_PROJECT_IDS?"),
        ("layers_project_id", "did you mean LAYERS_PROJECT_IDS?"),
        ("LAYERS_APIKEY", "did you mean LAYERS_API_KEY?"),
        ("LAYERS_KEY", "did you mean LAYERS_API_KEY?"),
        ("LAYERS-START-DATE", "did you mean LAYERS_START_DATE?"),
        ("LAYERS_DATADIR", "did you mean LAYERS_DATA_DIR?"),
        ("LAYERS_STOREHOUSE_OF_ALL", "there are LAYERS_ALLOW_MIXED_KEYS, "),
    ],
)
def test_a_name_that_is_no_setting_is_refused_with_the_one_that_was_meant(
    load: Load, monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    monkeypatch.setenv(name, "whatever it says")
    with pytest.raises(ConfigurationError) as caught:
        load()
    assert f"{name.upper()} is no setting: {meant}" in str(caught.value)
    assert "whatever it says" not in str(caught.value)


def test_a_key_that_ran_into_its_name_is_not_repeated(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"LAYERS_API_KEY{KEY}\x1b[2J", "=")
    with pytest.raises(ConfigurationError, match="LAYERS_API_KEY… is no setting") as caught:
        load()
    assert "SECRET" not in str(caught.value) and str(caught.value).isprintable()


def test_one_name_in_two_spellings_says_one_thing(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("layers_start_date", "2025-07-01")
    assert load(START_DATE="2025-07-01").start_date == date(2025, 7, 1)
    with pytest.raises(ConfigurationError, match="LAYERS_START_DATE is set twice, to different values"):
        load(START_DATE="2025-07-02")


def test_what_kubernetes_says_of_a_service_named_layers_is_no_setting(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = {
        "LAYERS_ETL_SERVICE_HOST": "10.0.0.7",
        "LAYERS_ETL_SERVICE_PORT": "3000",
        "LAYERS_ETL_SERVICE_PORT_HTTP": "3000",
        "LAYERS_PORT": "tcp://10.0.0.7:3000",
        "LAYERS_PORT_3000_TCP": "tcp://10.0.0.7:3000",
        "LAYERS_PORT_3000_TCP_ADDR": "10.0.0.7",
    }
    for name, value in links.items():
        monkeypatch.setenv(name, value)
    assert load() == Settings()


# The rest ----------------------------------------------------------------------------------------------------------


def test_the_key_shows_nowhere(load: Load) -> None:
    settings = load(API_KEY=KEY)
    assert KEY not in repr(settings) + str(settings) + str(asdict(settings)) + repr(read_settings(checkout=None))


@pytest.mark.parametrize("key", [KEY, "lp_test_secret", "of_a_new_kind"])
def test_of_the_key_its_kind_alone_is_told(load: Load, key: str) -> None:
    load(API_KEY=key)
    told = {setting.variable: setting.value for setting in read_settings(checkout=None).told}
    assert told["LAYERS_API_KEY"] in ("lp_live_…", "lp_test_…", "set, of a kind that is not known")


@pytest.mark.parametrize("key", ["", "   "])
def test_a_run_without_a_key_is_told_what_to_do(load: Load, key: str) -> None:
    with pytest.raises(ConfigurationError, match=r"LAYERS_API_KEY is not set.*make demo"):
        load(API_KEY=key).require_api_key()


def test_settings_cannot_be_changed(load: Load) -> None:
    settings: Any = load()
    with pytest.raises(AttributeError):
        settings.start_date = date(2020, 1, 1)


def test_scopes_come_in_the_order_they_are_read_whatever_order_they_are_named_in(load: Load) -> None:
    assert load(SCOPES="ad,adset,project,campaign,ad_account").scopes == (PROJECT, AD_ACCOUNT, CAMPAIGN, ADSET, AD)


@pytest.mark.parametrize("document", [".env.example", "docs/operating.md"])
def test_the_documents_name_every_setting(document: str) -> None:
    text = (Path(__file__).parents[2] / document).read_text(encoding="utf-8")
    assert {name for name in SETTINGS if f"LAYERS_{name.upper()}" not in text} == set()

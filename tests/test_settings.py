"""Settings: defaults that work, plain sentences for wrong values, and no value of them ever repeated."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from layers_etl.domain.scopes import AD, AD_ACCOUNT, ADSET, CAMPAIGN, PROJECT
from layers_etl.domain.settlement import SettlingTimes
from layers_etl.errors import ConfigurationError
from layers_etl.settings import LONGEST_SETTLE_HOURS, Settings, load_settings, parse_settling_times

KEY = "lp_live_verysecretkey"
Load = Callable[..., Settings]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Load:
    """Loads the settings from an environment of exactly these variables, in an empty folder."""
    import os  # noqa: PLC0415 - the fixture is about the environment

    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("LAYERS_")]:
        monkeypatch.delenv(name)

    def load_with(**variables: str) -> Settings:
        for name, value in variables.items():
            monkeypatch.setenv(f"LAYERS_{name}", value)
        return load_settings()

    return load_with


def test_every_setting_has_a_default_that_works(load: Load) -> None:
    settings = load()
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
        ALLOW_MIXED_KEYS="true",
    )
    assert settings.allow_mixed_keys is True
    assert settings.require_api_key().get_secret_value() == KEY
    assert settings.base_url == "http://127.0.0.1:8400"
    assert settings.organization == "org_child"
    assert settings.project_ids == ("prj_1", "prj_2")
    assert settings.published_path == Path("/srv/ads/warehouse.duckdb")
    assert settings.start_date == date(2025, 7, 1)
    assert settings.settle_hours == SettlingTimes(96, {"meta_ads": 672})
    assert settings.scopes == (CAMPAIGN, AD)
    assert settings.requests_per_minute == 60


def test_a_project_that_is_named_twice_is_read_once(load: Load) -> None:
    assert load(PROJECT_IDS="prj_2,prj_1, prj_2").project_ids == ("prj_2", "prj_1")


def test_an_empty_variable_is_one_that_is_not_set(load: Load) -> None:
    names = ("API_KEY", "BASE_URL", "PROJECT_IDS", "START_DATE", "SETTLE_HOURS", "SCOPES", "REQUESTS_PER_MINUTE")
    assert load(**dict.fromkeys(names, "")) == load()


def test_a_file_named_env_is_read_and_the_environment_goes_before_it(load: Load, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"LAYERS_API_KEY={KEY}\nLAYERS_START_DATE=2025-01-01\nLAYERS_FUTURE_SETTING=x\n")
    settings = load(START_DATE="2025-02-02")
    assert settings.require_api_key().get_secret_value() == KEY
    assert settings.start_date == date(2025, 2, 2)


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


WRONG = {
    "START_DATE": ["yesterday", "2026-02-30", "01.02.2026"],
    "SETTLE_HOURS": ["three days", "-1", "71.5", "meta_ads", "meta_ads=", "72h", str(LONGEST_SETTLE_HOURS + 1)],
    "SCOPES": ["campaigns", "campaign,audience", ","],
    "REQUESTS_PER_MINUTE": ["0", "-5", "fast"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_wrong_value_is_one_sentence_that_names_the_variable_and_where_to_look(
    load: Load, name: str, value: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(**{name: value})
    sentence = str(caught.value)
    assert f"LAYERS_{name}" in sentence
    assert ".env.example" in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("name", WRONG)
def test_a_secret_put_into_the_wrong_variable_is_never_repeated(load: Load, name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(**{name: KEY})
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_several_wrong_values_are_all_named(load: Load) -> None:
    with pytest.raises(ConfigurationError, match=r"LAYERS_START_DATE.*LAYERS_SCOPES"):
        load(START_DATE="soon", SCOPES="everything")


def test_the_key_shows_nowhere(load: Load) -> None:
    settings = load(API_KEY=KEY)
    assert KEY not in repr(settings)
    assert KEY not in str(settings)
    assert KEY not in settings.model_dump_json()


@pytest.mark.parametrize("key", ["", "   "])
def test_a_run_without_a_key_is_told_what_to_do(load: Load, key: str) -> None:
    with pytest.raises(ConfigurationError, match=r"LAYERS_API_KEY is not set.*make demo"):
        load(API_KEY=key).require_api_key()


def test_settings_cannot_be_changed(load: Load) -> None:
    settings = load()
    with pytest.raises(ValueError, match="frozen"):
        settings.start_date = date(2020, 1, 1)


def test_scopes_come_in_the_order_they_are_read_whatever_order_they_are_named_in(load: Load) -> None:
    assert load(SCOPES="ad,adset,project,campaign,ad_account").scopes == (PROJECT, AD_ACCOUNT, CAMPAIGN, ADSET, AD)


def test_the_example_file_names_every_setting() -> None:
    example = (Path(__file__).parents[1] / ".env.example").read_text(encoding="utf-8")
    assert {name for name in Settings.model_fields if f"LAYERS_{name.upper()}" not in example} == set()

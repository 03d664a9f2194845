"""Settings: the only place that reads the environment, and ``.env``. What is wrong is told, never taken for less."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from layers_etl.domain.addresses import check_address, check_webhook, is_of_a_service
from layers_etl.domain.ids import is_usable_id
from layers_etl.domain.keys import KeyKind, check_key, key_kind, mask_key
from layers_etl.domain.lake import Catalog, is_bucket, parse_catalog, parse_data
from layers_etl.domain.metrics import PLATFORMS
from layers_etl.domain.network import Network
from layers_etl.domain.scopes import DEFAULT_SCOPES, SCOPES, Scope
from layers_etl.domain.settlement import DEFAULT_SETTLE_HOURS, SettlingTimes
from layers_etl.errors import ConfigurationError
from layers_etl.settings.env_file import CHECKOUT, PREFIX
from layers_etl.settings.variables import (
    ENV_FILE,
    Found,
    Problem,
    expand_home,
    find_variables,
    strip_quotes,
)

DEFAULT_BASE_URL: Final = "https://api.layers.com"
LONGEST_SETTLE_HOURS: Final = 24 * 90
"""Ninety days: three times the longest attribution window of any platform; a larger number is a typing error."""

EARLIEST_START: Final = date(2000, 1, 1)
"""Before any of the platforms: an earlier day is a typing error."""

LATEST_START: Final = date(2099, 12, 31)
MOST_REQUESTS_PER_MINUTE: Final = 1_000_000
LONGEST_REQUEST_LOG_DAYS: Final = 36_500
LONGEST_LOCATION: Final = 40
"""Of a code location: Kubernetes makes names of at most 63 letters of it, with the release's before it."""

LONGEST_KEEP_DAYS: Final = 36_500
ALL: Final = 100.0
"""Per cent."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a user can set, each with a default that works (design, Settings). Key and webhooks are secrets.

    Made by :func:`load_settings`, which checks what it is told; who makes one directly answers for the values.
    """

    api_key: SecretStr | None = None
    base_url: str = DEFAULT_BASE_URL
    organization: str | None = None
    project_ids: tuple[str, ...] = ()
    data_dir: Path = Path("data")
    start_date: date = date(2026, 1, 1)
    settle_hours: SettlingTimes = field(default_factory=SettlingTimes)
    scopes: tuple[Scope, ...] = tuple(scope for name, scope in SCOPES.items() if name in DEFAULT_SCOPES)
    requests_per_minute: int | None = None
    request_log_days: int = 30
    audit_percent: float = 1.0
    allow_mixed_keys: bool = False
    notify_url: SecretStr | None = None
    ping_url: SecretStr | None = None
    owners: tuple[str, ...] = ("team:ads-data",)
    code_location: str | None = None
    warehouse: Catalog | None = None
    warehouse_data: str | None = None
    warehouse_keep_days: int = 30

    @property
    def build_path(self) -> Path:
        """The writer's file."""
        return self.data_dir / "build.duckdb"

    @property
    def published_path(self) -> Path:
        """The file analysts open."""
        return self.data_dir / "warehouse.duckdb"

    @property
    def dagster_path(self) -> Path:
        """Dagster's folder, where ``DAGSTER_HOME`` names no other."""
        return (self.data_dir / "dagster").resolve()

    @property
    def key_kind(self) -> KeyKind | None:
        """Whether the key reads real accounts or may read fakes, where it says."""
        return key_kind(self.api_key.get_secret_value()) if self.api_key else None

    def require_api_key(self) -> SecretStr:
        """The key, or ``ConfigurationError`` where none is set."""
        if self.api_key is None:
            raise ConfigurationError(
                "LAYERS_API_KEY is not set: put the key (lp_…) from the Layers dashboard into the environment or .env, "
                "or try `make demo`, which needs none."
            )
        return self.api_key


@dataclass(frozen=True, slots=True)
class SettingInForce:
    """One setting for people to read: what it is set to, the key masked, and where that comes from."""

    variable: str
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class SettingsInForce:
    """All that was found. ``settings`` is None where there are ``problems``; ``told`` are those that are right.

    ``env_file`` is the ``.env`` that was read, if any; ``looked_in`` are the folders in which one would have been.
    ``network`` is what is set for every program here.
    """

    settings: Settings | None
    told: tuple[SettingInForce, ...]
    problems: tuple[Problem, ...]
    env_file: Path | None
    looked_in: tuple[Path, ...]
    network: Network

    def require(self) -> Settings:
        """The settings; ``ConfigurationError`` that names every problem, never a value."""
        if self.settings is None:
            raise ConfigurationError(
                f"The settings cannot be used: {'; '.join(map(str, self.problems))}. See .env.example for all settings."
            )
        return self.settings

    def environment(self) -> dict[str, str]:
        """The environment in which a process that works in another folder finds the very same settings."""
        handed_on = {
            ENV_FILE: str(self.env_file or os.devnull),
            _variable("data_dir"): str(self.require().data_dir.absolute()),
        }
        others = {name: value for name, value in os.environ.items() if name.upper() not in handed_on}
        return {**others, **handed_on}


def load_settings() -> Settings:
    """The settings in force; ``ConfigurationError`` naming each variable whose value is wrong (never its content,
    which could be a secret put into the wrong variable), each name that is no setting, and a ``.env`` that cannot be
    read."""
    return read_settings().require()


def load_network() -> Network:
    """How this machine reaches the internet, by the environment or the same ``.env``."""
    return read_settings().network


def read_settings(checkout: Path | None = CHECKOUT) -> SettingsInForce:
    """What the environment says, and the one ``.env`` of the working directory, else of the ``checkout``.

    A relative data folder is relative to the folder of the ``.env`` that was read, unless the environment names it.
    Raises ``ConfigurationError`` where there is no working directory.
    """
    folder = _working_directory()
    found = find_variables(os.environ, [_variable(name) for name in _PARSERS], folder, checkout)
    problems = list(found.problems)
    values: dict[str, Any] = {}
    for setting, parse in _PARSERS.items():
        if variable := found.variables.get(_variable(setting)):
            try:
                values[setting] = parse(variable.value)
            except ValueError as error:
                problems.append(Problem(variable.name, str(error), variable.source))
    if (catalog := values.get("warehouse")) and catalog.server and "warehouse_data" not in values:
        problem = (
            f"has no place for the lake's files: set {_variable('warehouse_data')} to a folder or s3://bucket/prefix"
        )
        problems.append(Problem(_variable("warehouse"), problem, found.variables[_variable("warehouse")].source))
    right = _from_where_it_was_said(Settings(**values), found, folder)
    return SettingsInForce(
        settings=None if problems else right,
        told=tuple(_tell(right, found, {problem.subject for problem in problems})),
        problems=tuple(problems),
        env_file=found.env_file,
        looked_in=tuple(dict.fromkeys(filter(None, (folder, checkout)))),
        network=_read_network({**found.of_others, **os.environ}),
    )


def _from_where_it_was_said(settings: Settings, found: Found, folder: Path) -> Settings:
    """With the paths in it relative to the folder of the ``.env`` that names them, unless the environment does."""

    def base(setting: str) -> Path:
        given = found.variables.get(_variable(setting))
        return folder if given and not given.in_file else found.base

    # What is relative to the working directory stays as short as it was written.
    if base("data_dir") != folder:
        settings = replace(settings, data_dir=base("data_dir") / settings.data_dir)
    if (catalog := settings.warehouse) and catalog.file:
        settings = replace(settings, warehouse=Catalog(file=folder / base("warehouse") / catalog.file))
    if (data := settings.warehouse_data) and not is_bucket(data):
        settings = replace(settings, warehouse_data=str(folder / base("warehouse_data") / data))
    return settings


def _tell(settings: Settings, found: Found, wrong: Collection[str]) -> Iterator[SettingInForce]:
    """Those that are not wrong. Where ``.env`` could not be read, nobody knows which have their default."""
    for setting in _PARSERS:
        name = _variable(setting)
        variable = found.variables.get(name)
        if name not in wrong and (variable or found.is_whole):
            value = getattr(settings, setting)
            says_nothing = value is None or value == ()
            described = _UNSET[setting] if says_nothing else _DESCRIBERS.get(setting, str)(value)
            yield SettingInForce(name, described, variable.source if variable else "default")


def _read_object_store(said: Mapping[str, str]) -> str | None:
    """Where S3 answers, as AWS' own programs are told it."""
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    return next((endpoint for name in names if (endpoint := said.get(name, "").strip().rstrip("/"))), None)


def _read_network(said: Mapping[str, str]) -> Network:
    """Under the names that other programs read too, in either case; the smaller one first, as most do."""
    names = ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
    text = {name: (said.get(name.lower()) or said.get(name) or "").strip() for name in names}
    return Network(
        proxies={name: SecretStr(text[name]) for name in ("HTTPS_PROXY", "ALL_PROXY") if text[name]},
        no_proxy=text["NO_PROXY"],
        authority_file=Path(text["SSL_CERT_FILE"]) if text["SSL_CERT_FILE"] else None,
        authority_folder=text["SSL_CERT_DIR"] or None,
        object_store=_read_object_store(said),
    )


def _variable(setting: str) -> str:
    return PREFIX + setting.upper()


def _working_directory() -> Path:
    try:
        return Path.cwd()
    except OSError as error:
        raise ConfigurationError(
            f"The working directory cannot be used ({error.strerror}): change into another one."
        ) from None


def _describe_key(key: SecretStr) -> str:
    return mask_key(key.get_secret_value())


def _describe_webhook(_: SecretStr) -> str:
    return "set"  # Its host may be as secret as its path.


def _describe_settling_times(times: SettlingTimes) -> str:
    return ",".join([str(times.default_hours), *(f"{name}={hours}" for name, hours in times.by_platform.items())])


def _describe_scopes(scopes: tuple[Scope, ...]) -> str:
    return ",".join(scope.name for scope in scopes)


_DESCRIBERS: Final[dict[str, Callable[[Any], str]]] = {
    "api_key": _describe_key,
    "project_ids": ",".join,
    "settle_hours": _describe_settling_times,
    "scopes": _describe_scopes,
    "audit_percent": "{:g}".format,
    "allow_mixed_keys": lambda allowed: str(allowed).lower(),
    "notify_url": _describe_webhook,
    "ping_url": _describe_webhook,
    "owners": ",".join,
}
"""How a value is said as its variable would say it, where ``str`` does not."""

_UNSET: Final = {
    "api_key": "not set",
    "organization": "not set: the key's own",
    "project_ids": "not set: all active projects",
    "requests_per_minute": "not set: what the key's tier allows",
    "notify_url": "not set: nobody is alerted",
    "ping_url": "not set",
    "code_location": "not set: the only key in its Dagster",
    "warehouse": "not set: the published file alone",
    "warehouse_data": "not set",
}


def _parse_key(text: str) -> SecretStr:
    return SecretStr(check_key(text))


def _parse_webhook(text: str) -> SecretStr:
    return SecretStr(check_webhook(text))


def _parse_notify_address(text: str) -> SecretStr:
    if not is_of_a_service(text):
        return _parse_webhook(text)
    if not find_spec("apprise"):
        raise ValueError(
            "takes the https address of a webhook; other kinds of address take the extra alerts, "
            "which is not installed: .venv/bin/python -m pip install -e '.[alerts]'"
        )
    return SecretStr(text)


def _parse_organization(text: str) -> str:
    if not is_usable_id(text) or not _ID.fullmatch(text) or not text.isascii():
        raise ValueError("takes the id of one organisation, like org_01HXG9")
    return text


def _parse_project_ids(text: str) -> tuple[str, ...]:
    ids = tuple(dict.fromkeys(_split(text)))
    if not ids or not all(is_usable_id(each) and _ID.fullmatch(each) for each in ids):
        raise ValueError("takes ids of projects, separated by commas, like prj_01HXG9,prj_01HXGA")
    return ids


def _parse_owners(text: str) -> tuple[str, ...]:
    owners = _split(text)
    if not owners or not all(_OWNER.fullmatch(each) for each in owners):
        raise ValueError("takes e-mail addresses and teams, separated by commas, like team:ads-data,ann@example.com")
    return owners


def _parse_code_location(text: str) -> str:
    if not _LOCATION.fullmatch(text):
        raise ValueError(f"takes a name of at most {LONGEST_LOCATION} small letters, digits and hyphens, like acme")
    return text


def _parse_catalog(text: str) -> Catalog:
    catalog = parse_catalog(text)
    return Catalog(file=_parse_path(str(catalog.file))) if catalog.file else catalog


def _parse_data(text: str) -> str:
    data = parse_data(text)
    return data if is_bucket(data) else str(_parse_path(data))


def _parse_path(text: str) -> Path:
    path = expand_home(text, os.environ)
    if _NOT_EXPANDED.search(text):
        raise ValueError("holds a variable ($…), which nobody puts in here: write the folder out")
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        raise ValueError(
            f"holds letters that this process cannot put into a path ({sys.getfilesystemencoding()}): set PYTHONUTF8=1"
        ) from None
    return path


def _parse_start_date(text: str) -> date:
    try:
        day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None or not EARLIEST_START <= day <= LATEST_START:
        raise ValueError(f"takes a day from {EARLIEST_START} to {LATEST_START}, like 2026-01-01")
    return day


def parse_settling_times(text: str) -> SettlingTimes:
    """``78``, ``meta_ads=672,apple_ads=720`` or both (``96,meta_ads=672``), in whole hours.

    ``ValueError`` for anything else, for a platform that the API does not have, and for one that is named twice.
    """
    by_platform: dict[str | None, int] = {}
    for part in _split(text):
        named, separator, hours = part.rpartition("=")
        platform = named.strip() if separator else None
        if platform is not None and platform not in PLATFORMS:
            raise ValueError(f"names a platform nobody knows: there are {', '.join(sorted(PLATFORMS))}")
        if platform in by_platform:
            raise ValueError(f"says {platform or 'the hours of all platforms'} twice: keep one")
        by_platform[platform] = _whole_number(
            hours.strip(), 0, LONGEST_SETTLE_HOURS, "whole hours", ", like 78 or 78,meta_ads=672"
        )
    default_hours = by_platform.pop(None, DEFAULT_SETTLE_HOURS)
    return SettlingTimes(default_hours, {name: hours for name, hours in by_platform.items() if name})


def _parse_scopes(text: str) -> tuple[Scope, ...]:
    names = _split(text)
    if not names or not set(names) <= set(SCOPES):
        raise ValueError(f"takes one or more of {', '.join(SCOPES)}, separated by commas")
    return tuple(scope for name, scope in SCOPES.items() if name in names)


def _parse_requests_per_minute(text: str) -> int:
    return _whole_number(text, 1, MOST_REQUESTS_PER_MINUTE, "a whole number")


def _parse_request_log_days(text: str) -> int:
    return _whole_number(text, 1, LONGEST_REQUEST_LOG_DAYS, "whole days")


def _parse_keep_days(text: str) -> int:
    return _whole_number(text, 1, LONGEST_KEEP_DAYS, "whole days")


def _parse_audit_percent(text: str) -> float:
    if not _PERCENT.fullmatch(text) or float(text) > ALL:
        raise ValueError("takes a number from 0 to 100, like 1 or 0.5")
    return float(text)


def _parse_allow_mixed_keys(text: str) -> bool:
    if text.lower() not in _TRUTHS:
        raise ValueError("takes true or false")
    return _TRUTHS[text.lower()]


def _whole_number(text: str, least: int, most: int, what: str, example: str = "") -> int:
    if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
        raise ValueError(f"takes {what} from {least} to {most}{example}")
    return int(text)


def _split(text: str) -> tuple[str, ...]:
    return tuple(part for part in map(strip_quotes, text.split(",")) if part)


_ID: Final = re.compile(r"[^\s\"'`“”‘’,;|(){}\[\]<>]+")
"""The API's ids are opaque, but none is known to hold what separates or encloses them."""

_OWNER: Final = re.compile(r"team:[\w.-]+|[\w.%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}", re.ASCII)
"""Of what Dagster takes, what nobody needs to quote."""

_LOCATION: Final = re.compile(rf"[a-z](?:[a-z0-9-]{{0,{LONGEST_LOCATION - 2}}}[a-z0-9])?")
"""What may be the name of a Kubernetes service, of a pool and of an asset's path alike."""

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WHOLE: Final = re.compile(r"[0-9]{1,9}")
_PERCENT: Final = re.compile(r"[0-9]{1,3}(\.[0-9]*)?|\.[0-9]+")
_NOT_EXPANDED: Final = re.compile(r"\$[A-Za-z_{]")
_TRUTHS: Final = {
    **dict.fromkeys(("true", "1", "yes", "on", "t", "y"), True),
    **dict.fromkeys(("false", "0", "no", "off", "f", "n"), False),
}
_PARSERS: Final[dict[str, Callable[[str], Any]]] = {
    "api_key": _parse_key,
    "base_url": check_address,
    "organization": _parse_organization,
    "project_ids": _parse_project_ids,
    "data_dir": _parse_path,
    "start_date": _parse_start_date,
    "settle_hours": parse_settling_times,
    "scopes": _parse_scopes,
    "requests_per_minute": _parse_requests_per_minute,
    "request_log_days": _parse_request_log_days,
    "audit_percent": _parse_audit_percent,
    "allow_mixed_keys": _parse_allow_mixed_keys,
    "notify_url": _parse_notify_address,
    "ping_url": _parse_webhook,
    "owners": _parse_owners,
    "code_location": _parse_code_location,
    "warehouse": _parse_catalog,
    "warehouse_data": _parse_data,
    "warehouse_keep_days": _parse_keep_days,
}
"""What each setting makes of its text; ``ValueError`` says what it takes, as the predicate of a sentence."""

"""Settings: the only place that reads the environment (and ``.env`` in the working directory)."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from layers_etl.domain.keys import KeyKind, key_kind
from layers_etl.domain.scopes import DEFAULT_SCOPES, SCOPES, Scope
from layers_etl.domain.settlement import DEFAULT_SETTLE_HOURS, SettlingTimes
from layers_etl.errors import ConfigurationError

DEFAULT_BASE_URL: Final = "https://api.layers.com"
LONGEST_SETTLE_HOURS: Final = 24 * 90
"""Ninety days: three times the longest attribution window of any platform; a larger number is a typing error."""

CommaSeparated = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """Everything a user can set, each with a default that works (design, Settings). Frozen; the key is a secret."""

    model_config = SettingsConfigDict(
        env_prefix="LAYERS_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    api_key: SecretStr | None = None
    base_url: str = DEFAULT_BASE_URL
    organization: str | None = None
    project_ids: CommaSeparated = ()
    data_dir: Path = Path("data")
    start_date: date = date(2026, 1, 1)
    settle_hours: Annotated[SettlingTimes, NoDecode] = Field(default_factory=SettlingTimes)
    scopes: Annotated[tuple[Scope, ...], NoDecode] = tuple(
        scope for name, scope in SCOPES.items() if name in DEFAULT_SCOPES
    )
    requests_per_minute: int | None = Field(default=None, ge=1)
    request_log_days: int = Field(default=30, ge=1)
    audit_percent: float = Field(default=1.0, ge=0, le=100)
    allow_mixed_keys: bool = False

    @field_validator("project_ids", mode="before")
    @classmethod
    def _parse_project_ids(cls, value: Any) -> Any:
        return tuple(dict.fromkeys(_split(value))) if isinstance(value, str) else value

    @field_validator("scopes", mode="before")
    @classmethod
    def _parse_scopes(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        names = _split(value)
        if not names or not set(names) <= set(SCOPES):
            raise ValueError(f"takes one or more of {', '.join(SCOPES)}, separated by commas")
        return tuple(scope for name, scope in SCOPES.items() if name in names)

    @field_validator("settle_hours", mode="before")
    @classmethod
    def _parse_settle_hours(cls, value: Any) -> Any:
        return parse_settling_times(value) if isinstance(value, str) else value

    @field_validator("base_url")
    @classmethod
    def _strip_slash(cls, value: str) -> str:
        return value.rstrip("/")

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
        if self.api_key is None or not self.api_key.get_secret_value().strip():
            raise ConfigurationError(
                "LAYERS_API_KEY is not set: put the key (lp_…) from the Layers dashboard into the environment or .env, "
                "or try `make demo`, which needs none."
            )
        return self.api_key


def load_settings() -> Settings:
    """Read the environment; ``ConfigurationError`` naming the variable where a value is wrong (never its content,
    which could be a secret put into the wrong variable)."""
    try:
        return Settings()
    except ValidationError as error:
        problems = "; ".join(
            f"LAYERS_{'_'.join(str(part) for part in detail['loc'][:1]).upper()}: "
            f"{detail['msg'].removeprefix('Value error, ')}"
            for detail in error.errors(include_input=False, include_url=False)
        )
        raise ConfigurationError(f"A setting is wrong: {problems}. See .env.example for all settings.") from None


def parse_settling_times(text: str) -> SettlingTimes:
    """``78``, ``meta_ads=672,apple_ads=720`` or both (``96,meta_ads=672``), in whole hours."""
    default_hours = DEFAULT_SETTLE_HOURS
    by_platform: dict[str, int] = {}
    for part in _split(text):
        platform, separator, hours = part.rpartition("=")
        if not hours.strip().isdigit() or not int(hours) <= LONGEST_SETTLE_HOURS:
            raise ValueError(f"takes whole hours from 0 to {LONGEST_SETTLE_HOURS}, like 78 or 78,meta_ads=672")
        if separator:
            by_platform[platform.strip()] = int(hours)
        else:
            default_hours = int(hours)
    return SettlingTimes(default_hours, by_platform)


def _split(text: str) -> tuple[str, ...]:
    return tuple(part for part in (piece.strip() for piece in text.split(",")) if part)

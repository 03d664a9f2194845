"""What is right, what is wrong, and what to do: one finding per setting and per thing a run needs. Creates nothing."""

from __future__ import annotations

import contextlib
import enum
import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from layers_etl.alerts.telling import send_test
from layers_etl.domain.days import ONE_DAY
from layers_etl.domain.entities import Entity, Identity, Listing
from layers_etl.domain.readings import EntityKey
from layers_etl.domain.scopes import AD_ACCOUNT, CAMPAIGN
from layers_etl.errors import (
    ConfigurationError,
    DamagedFileError,
    ExitCode,
    LayersEtlError,
    RefusedError,
    WarehouseError,
)
from layers_etl.ingest.identity import (
    AT_ONCE,
    can_do_without_list,
    choose_projects,
    describe_route,
    fetch_identity,
    fetch_project_list,
    fetch_some,
    fetch_spend,
    projects_by_id,
)
from layers_etl.ingest.publisher import nearest_publisher, publishers_of
from layers_etl.settings import Settings, SettingsInForce
from layers_etl.warehouse.checks import load_duplicate_accounts, load_unrefreshed_accounts
from layers_etl.warehouse.connection import Readable
from layers_etl.warehouse.databases import connect
from layers_etl.warehouse.lock import lock_if_free
from layers_etl.warehouse.organization import check_owner, load_organization
from layers_etl.warehouse.publishing import Publisher
from layers_etl.warehouse.readers import open_newest
from layers_etl.warehouse.schema import schema_version
from layers_etl.warehouse.sources import load_standing_sources

TOLERATED_SKEW: Final = timedelta(minutes=5)


class Verdict(enum.StrEnum):
    """How a thing stands."""

    GOOD = "ok"
    NOTE = "note"
    BAD = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report."""

    verdict: Verdict
    subject: str
    sentence: str
    code: ExitCode = ExitCode.OK


def examine(
    found: SettingsInForce, now: datetime, *, demo_at: datetime | None = None, notify: bool = False
) -> Iterator[Finding]:
    """The settings in force and where each comes from, then what :func:`examine_needs` finds, unless one is wrong.

    A demo's warehouse, whose clock stands at ``demo_at``, needs no key: without one no API is asked. ``notify``:
    whether a test that people are sent was taken, too.
    """
    yield from _tell_settings(found)
    if settings := found.settings:
        if demo_at and settings.api_key is None:
            yield from _examine_demo(settings, demo_at)
        else:
            yield from examine_needs(settings, now)
        if notify:
            yield _finding("alerts", lambda: send_test(settings))


def examine_needs(settings: Settings, now: datetime) -> Iterator[Finding]:
    """Everything a run needs, in the order it needs it; what hangs on something wrong is not examined."""
    yield _finding("data folder", lambda: _examine_folder(settings.data_dir))
    yield _finding("network", lambda: describe_route(settings))
    organization_id = settings.organization
    try:
        identity = fetch_identity(settings, AT_ONCE)
    except LayersEtlError as error:
        yield _wrong("key", error)
    else:
        organization_id = organization_id or identity.organization_id
        yield Finding(Verdict.GOOD, "key", _describe_key(settings, identity))
        yield from _examine_switches(identity)
        yield from _examine_endpoints(settings, (identity.server_now or now).date() - ONE_DAY)
        yield _examine_clock(identity, now)
        yield _examine_start_date(settings, identity.server_now or now)
    yield from _examine_warehouse(settings)
    yield from _examine_owner(settings, organization_id)
    for account in _find_accounts_in_question(settings):
        yield Finding(Verdict.NOTE, "ad account", account)


def _examine_demo(settings: Settings, demo_at: datetime) -> Iterator[Finding]:
    yield _finding("data folder", lambda: _examine_folder(settings.data_dir))
    sentence = (
        f"{settings.data_dir} holds the demo's warehouse, whose clock stands at {demo_at:%Y-%m-%d %H:%M}Z; it needs no "
        "key. For your own account set LAYERS_API_KEY, and LAYERS_DATA_DIR to another folder."
    )
    yield Finding(Verdict.NOTE, "demo", sentence)
    yield from _examine_warehouse(settings)
    for account in _find_accounts_in_question(settings):
        yield Finding(Verdict.NOTE, "ad account", account)


def _tell_settings(found: SettingsInForce) -> Iterator[Finding]:
    folders = " nor in ".join(map(str, found.looked_in))
    of_file = f"{found.env_file}; the environment goes before it." if found.env_file else f"There is none in {folders}."
    yield Finding(Verdict.GOOD, ".env", of_file)
    for setting in found.told:
        yield Finding(Verdict.GOOD, setting.variable, f"{setting.value} ({setting.source})")
    for problem in found.problems:
        yield Finding(Verdict.BAD, problem.subject, f"{problem.what}.", ExitCode.CONFIGURATION)
    if found.problems:
        sentence = "Key, data folder and warehouse are examined once the settings are right."
        yield Finding(Verdict.NOTE, "the rest", sentence)


def _finding(subject: str, examine_one: Callable[[], str]) -> Finding:
    try:
        return Finding(Verdict.GOOD, subject, examine_one())
    except LayersEtlError as error:
        return _wrong(subject, error)
    except OSError as error:
        return _wrong(subject, WarehouseError(f"It cannot be looked at ({error.strerror})."))


def _wrong(subject: str, error: LayersEtlError) -> Finding:
    return Finding(Verdict.BAD, subject, str(error), error.exit_code)


def _examine_folder(folder: Path) -> str:
    """Whether a run could write it, or make it where it is not there yet."""
    try:
        nearest = next(path for path in (folder.absolute(), *folder.absolute().parents) if _is_there(path))
        reason = _unwritable(nearest)
        whole = folder.resolve()
    except OSError as error:
        reason, nearest, whole = error.strerror, folder, folder
    if reason:
        raise WarehouseError(
            f"The data folder {folder} cannot be written ({reason}: {nearest}): "
            "give this user write access to it, or set LAYERS_DATA_DIR to another folder."
        )
    return f"{whole} can be written." if nearest == folder.absolute() else f"{whole} is not there yet: a run makes it."


def _is_there(path: Path) -> bool:
    """Even if it is a link that leads nowhere; ``OSError`` where that can't be known."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _unwritable(folder: Path) -> str | None:
    """Why nothing can be made in it; None where something can."""
    if not folder.is_dir():
        return os.strerror(errno.ENOTDIR)
    return None if os.access(folder, os.W_OK | os.X_OK) else os.strerror(errno.EACCES)


def _describe_key(settings: Settings, identity: Identity) -> str:
    tier = identity.rate_limit_tier or "unknown"
    pace = (
        f"{settings.requests_per_minute} requests a minute as set" if settings.requests_per_minute else f"tier {tier}"
    )
    return (
        f"{settings.base_url} accepts key {identity.api_key_id or '(no id)'} of "
        f"{identity.organization_name or identity.organization_id}; {pace}."
    )


def _examine_switches(identity: Identity) -> Iterator[Finding]:
    """What whoami says refuses nothing by itself: the endpoints tell."""
    if identity.switched_off:
        switches = " and ".join(identity.switched_off)
        sentence = f"whoami says that access is off ({switches}): if the API refuses to read, ask Layers to restore it."
        yield Finding(Verdict.NOTE, "access", sentence)


def _examine_endpoints(settings: Settings, day: date) -> Iterator[Finding]:
    """Each endpoint that a run reads, asked once: whether the key may use it, in the API's words where it may not.

    Accounts, campaigns and one entity's spend on ``day`` are asked of the first project.
    """
    try:
        projects = choose_projects(fetch_project_list(settings, AT_ONCE), settings.project_ids)
    except RefusedError as refusal:
        if not can_do_without_list(refusal, settings.project_ids):
            yield _wrong("projects", refusal)
            return
        projects = projects_by_id(settings.project_ids)
        yield Finding(
            Verdict.NOTE, "projects", f"{refusal}. Those that LAYERS_PROJECT_IDS names are read all the same."
        )
    except LayersEtlError as error:
        yield _wrong("projects", error)
        return
    else:
        yield _finding("projects", lambda: _describe_projects(projects))
    for project in list(projects)[:1]:
        yield from _examine_project(settings, project.project_id, day)


def _examine_project(settings: Settings, project_id: str, day: date) -> Iterator[Finding]:
    listed: list[Entity] = []
    for scope in (CAMPAIGN, AD_ACCOUNT):
        noun = scope.nouns
        try:
            listed += fetch_some(settings, scope, project_id, AT_ONCE)
            yield Finding(Verdict.GOOD, noun, f"The key may list them (asked of project {project_id}).")
        except LayersEtlError as error:
            yield _wrong(noun, error)
    if not listed:
        sentence = f"Not asked for: no campaign or ad account of project {project_id} could be listed."
        yield Finding(Verdict.NOTE, "metrics", sentence)
    for entity in listed[:1]:
        key = EntityKey(entity.scope, entity.project_id, entity.entity_id, entity.platform)
        yield _finding("metrics", lambda key=key: _examine_metrics(settings, key, day))


def _examine_metrics(settings: Settings, key: EntityKey, day: date) -> str:
    fetch_spend(settings, key, day, AT_ONCE)
    return f"The key may read them (asked for the spend of {key.scope.noun} {key.entity_id} on {day})."


def _describe_projects(projects: Listing) -> str:
    if not projects.entities:
        raise ConfigurationError(
            "The key sees no active project: activate one in Layers, or name it in LAYERS_PROJECT_IDS."
        )
    return f"{len(projects)} to read: {', '.join(project.name or project.project_id for project in projects)}."


def _examine_clock(identity: Identity, now: datetime) -> Finding:
    if identity.server_now is None:
        return Finding(Verdict.NOTE, "clock", "The API sends no Date; this machine's clock decides what has settled.")
    skew = identity.server_now - now
    if abs(skew) <= TOLERATED_SKEW:
        return Finding(Verdict.GOOD, "clock", f"Within {TOLERATED_SKEW.seconds // 60} minutes of the API's.")
    return Finding(
        Verdict.NOTE,
        "clock",
        f"The API's clock says {identity.server_now:%Y-%m-%d %H:%M}Z and this machine's {now:%Y-%m-%d %H:%M}Z. The "
        "API's decides what has settled; set this machine's, since the schedule follows it.",
    )


def _examine_start_date(settings: Settings, now: datetime) -> Finding:
    if settings.start_date > now.date():
        sentence = f"LAYERS_START_DATE is {settings.start_date}, in the future: set it to the first day you want."
        return Finding(Verdict.BAD, "start date", sentence, ExitCode.CONFIGURATION)
    return Finding(Verdict.GOOD, "start date", f"{settings.start_date} is the first day of the warehouse.")


def _examine_warehouse(settings: Settings) -> Iterator[Finding]:
    yield _finding("build file", lambda: _examine_build(settings))
    for publisher in publishers_of(settings):
        subject = "lake" if publisher.is_shared else "warehouse"
        yield _finding(subject, partial(_examine_published, publisher))


def _examine_build(settings: Settings) -> str:
    build, published = settings.build_path, settings.published_path
    if not build.exists():
        if published.exists():
            return f"{build} is missing: the next run begins from a copy of {published.name}."
        if settings.warehouse:
            return f"{build} is not there: the next run begins from what the lake has, if anything."
        return f"{build} is not there yet: the first run makes it."
    try:
        with lock_if_free(build) as free:
            if free:
                with connect(build, read_only=True) as connection:
                    _ = schema_version(connection, build)
                return f"{build} can be opened."
    except DamagedFileError as damage:
        remedy = f"goes on from {published.name}" if published.exists() else "reads everything anew"
        raise DamagedFileError(f"{damage}: the next run keeps it aside and {remedy}.") from None
    return f"{build} is not open to this user at this moment: a run is writing it, or only others may."


def _examine_published(publisher: Publisher) -> str:
    with publisher.open() as published:
        publication = published and published.publication
    if not publication:
        return f"{publisher.name} is not there yet: the first run makes it."
    return (
        f"{publisher.name} was published {publication.published_at:%Y-%m-%d %H:%M}Z; "
        f"settled up to {publication.settled_until or 'no day yet'}."
    )


def _examine_owner(settings: Settings, organization_id: str | None) -> Iterator[Finding]:
    """Whether a run would be refused to write the numbers of this key beside those that are there; as a run tells it.

    Nothing before the first run, or where the file cannot be opened: that is a finding of its own.
    """
    with contextlib.ExitStack() as stack:
        try:
            newest = stack.enter_context(open_newest(settings.build_path, nearest_publisher(settings)))
        except (WarehouseError, OSError):
            return
        if newest and (owner := load_organization(newest)):
            yield _finding("owner", lambda: _describe_owner(newest, owner, settings, organization_id))


def _describe_owner(warehouse: Readable, owner: str, settings: Settings, organization_id: str | None) -> str:
    check_owner(warehouse, organization_id, settings.key_kind, allow_mixed_keys=settings.allow_mixed_keys)
    return f"{warehouse.name} is of organisation {owner}{', as the key is' if organization_id else ''}."


def _find_accounts_in_question(settings: Settings) -> list[str]:
    """Those that are not refreshed or have several ids, as last listed, or whose numbers stood still when last read.

    None before the first run, or where the file cannot be opened: that is a finding of its own.
    """
    with (
        contextlib.suppress(WarehouseError, OSError),
        open_newest(settings.build_path, nearest_publisher(settings)) as newest,
    ):
        if newest:
            unrefreshed = load_unrefreshed_accounts(newest, settings.project_ids)
            standing = load_standing_sources(newest, settings.project_ids)
            duplicates = load_duplicate_accounts(newest, settings.project_ids)
            return [*map(str, unrefreshed), *map(str, standing), *map(str, duplicates)]
    return []

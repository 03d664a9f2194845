"""A random life: mornings, changes of the world and of the settings, faults, kills; and what every answer said."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.parse import parse_qsl

import httpx

from layers_etl.domain.days import ONE_DAY, DayWindow
from layers_etl.domain.scopes import AD_ACCOUNT, ADSET, CAMPAIGN, PROJECT
from layers_etl.domain.settlement import SettlingTimes
from layers_etl.errors import LayersEtlError
from layers_etl.sandbox.faults import Fault
from layers_etl.sandbox.server import SandboxServer
from layers_etl.sandbox.world import ORGANIZATION, WorldConfig

from ..harness.clients import connecting
from ..harness.pipeline import Pipeline
from .replay import Accepted, Answer, Replay, parse_answer

FIRST_MORNING: Final = datetime(2026, 4, 1, 7, tzinfo=UTC)
METRICS: Final = "ads-metrics"

FAULTS: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("status", METRICS, {"status": 500}),
    ("status", METRICS, {"status": 409, "code": "CONFLICT"}),
    ("status", METRICS, {"status": 404}),
    ("platform_error", METRICS, {}),
    ("rate_limited", METRICS, {"retry_after": 0}),
    ("reset", METRICS, {"after": 20}),
    ("truncated", METRICS, {}),
    ("html", METRICS, {}),
    ("content_type", METRICS, {}),
    ("narrowed_window", METRICS, {"days": 2}),
    ("narrowed_window", METRICS, {"days": 3, "keep_last": True}),
    ("window_too_long", METRICS, {"days": 5}),
    ("truncated_series", METRICS, {"rows": 2}),
    ("missing_buckets", METRICS, {}),
    ("duplicated_buckets", METRICS, {"count": 2}),
    ("unordered_buckets", METRICS, {}),
    ("numbers_as_strings", METRICS, {}),
    ("unknown_fields", METRICS, {}),
    ("metric_unavailable", METRICS, {}),
    ("refused_metric", METRICS, {"metric": "reach"}),
    ("status", "campaigns$", {"status": 500}),
    ("status", "ad-accounts$", {"status": 500}),
    ("overlapping_pages", "campaigns$", {}),
)
"""Effect, path and parameters. None of them makes a number that is no number: of these the tables say less."""

SETTLING: Final = (SettlingTimes(78), SettlingTimes(78, {"meta_ads": 102}), SettlingTimes(96), SettlingTimes(72))
SCOPES: Final = ((CAMPAIGN, AD_ACCOUNT), (CAMPAIGN, AD_ACCOUNT, ADSET), (CAMPAIGN, AD_ACCOUNT, PROJECT))


class KilledError(BaseException):
    """As far as the process is concerned, there is nothing after this."""


class _Mortal:
    """A connection of DuckDB's that is dead from its so-manieth commit on, before or after it."""

    def __init__(self, connection: Any, commits: int, *, before: bool, last_words: Callable[[], None]) -> None:
        self._connection = connection
        self._commits = commits
        self._before = before
        self._last_words = last_words
        self._dead = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, statement: Any, *parameters: Any) -> Any:
        if self._dead:
            raise KilledError
        if statement != "COMMIT":
            return self._connection.execute(statement, *parameters)
        self._commits -= 1
        if self._commits:
            return self._connection.execute(statement, *parameters)
        if not self._before:
            self._connection.execute(statement)
        self._last_words()
        self._dead = True
        raise KilledError


@dataclass
class Life:
    """One warehouse through some mornings. ``steps`` tell what happened, for whoever has to look into it."""

    seed: int
    folder: Path
    sandbox: SandboxServer
    steps: list[str] = field(default_factory=list[str])
    answers: dict[str, Answer] = field(default_factory=dict[str, Answer])
    instants: list[datetime] = field(default_factory=list[datetime])
    by_hand: set[str] = field(default_factory=set[str])
    replay: Replay = field(default_factory=Replay)
    is_calm: bool = True
    _replayed: int = 0
    _removed: set[str] = field(default_factory=set[str])
    _reconnected: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        """Lay out what kind of life it is to be."""
        self.random = Random(self.seed)
        self.themes = {
            theme for theme in ("moves", "vanishing", "faults", "kills", "clock") if self.random.random() < 0.5
        }
        if "vanishing" in self.themes:
            self.themes.discard("moves")  # which campaigns are whose is plain then
        self.pipeline = Pipeline(
            self.sandbox,
            self.folder / "data",
            {"start_date": date(2026, 3, 24), "audit_percent": self.random.choice((0, 5))},
            connect=connecting(intercept=self._remember),
        )
        (self.folder / "data").mkdir(parents=True)
        self.note(f"seed {self.seed}: {sorted(self.themes)}, {self.pipeline.options}")

    def note(self, what: str) -> None:
        """One more step."""
        self.steps.append(what)

    def mornings(self, count: int) -> Iterator[datetime]:
        """Live so many mornings; after each, when the run has ended by itself."""
        at = FIRST_MORNING
        for number in range(count):
            at += self.random.choice((ONE_DAY,) * 6 + (timedelta(days=2), timedelta(days=4))) if number else ONE_DAY
            at = at.replace(hour=7) + self._drift()
            self.sandbox.set_clock(at)
            if number:
                self._change_the_world(at)
                self._change_the_settings()
            with self._faults():
                ended = self._run(at)
            if ended:
                yield at
            if self.random.random() < 0.2:
                self._backfill(at)
                yield at

    # What happens ---------------------------------------------------------------------------------------------

    def _drift(self) -> timedelta:
        if "clock" in self.themes and self.random.random() < 0.3:
            self.is_calm = False
            return timedelta(hours=self.random.choice((-6, -2, 5, 11)))
        return timedelta()

    def _run(self, at: datetime) -> bool:
        """A run, and again where it was killed; whether one ended by itself."""
        if "kills" in self.themes and self.random.random() < 0.6:
            if not self._killed(at):
                return True
            if self.random.random() < 0.3:
                return False
        return self._live(at, "run", self.pipeline.run)

    def _backfill(self, at: datetime) -> None:
        first = self.pipeline.options["start_date"]
        since = first + timedelta(days=self.random.randrange(max(1, (at.date() - first).days)))
        until = min(since + timedelta(days=self.random.randrange(1, 6)), at.date())
        if since < until:
            window = DayWindow(since, until)
            self._live(at, f"backfill {window}", lambda: self.pipeline.backfill(window), by_hand=True)

    def _live(self, at: datetime, what: str, act: Callable[[], Any], *, by_hand: bool = False) -> bool:
        self.note(f"{at:%d %b %H:%M} {what}")
        self.instants.append(at)
        before = {run_id for (run_id,) in self.pipeline.rows("SELECT run_id FROM ops.runs")}
        try:
            act()
        except LayersEtlError as error:
            self.note(f"  failed: {error}")
        if by_hand:
            after = {run_id for (run_id,) in self.pipeline.rows("SELECT run_id FROM ops.runs")}
            self.by_hand |= after - before
        self._replay()
        return True

    def _killed(self, at: datetime) -> bool:
        """A run that is killed at one of its commits, if it makes so many; whether it was."""
        pipeline, commits, before = self.pipeline, self.random.randrange(1, 30), self.random.random() < 0.5
        build, kept = pipeline.settings.build_path, self.folder / "as-killed"
        kept.mkdir()

        def keep() -> None:
            for path in build.parent.glob("build.duckdb*"):
                shutil.copyfile(path, kept / path.name)

        warehouse = pipeline.warehouse
        warehouse.connection = _Mortal(warehouse.connection, commits, before=before, last_words=keep)  # type: ignore[assignment]
        self.note(f"{at:%d %b %H:%M} run, to be killed {'before' if before else 'after'} commit {commits}")
        self.instants.append(at)
        try:
            pipeline.run()
        except KilledError:
            killed = True
        except LayersEtlError as error:
            self.note(f"  failed: {error}")
            killed = any(kept.iterdir())
        else:
            killed = False
            self.note("  ended before that")
        pipeline.let_go()
        if killed:
            for path in build.parent.glob("build.duckdb*"):
                path.unlink()
            for path in kept.iterdir():
                shutil.copyfile(path, build.parent / path.name)
        shutil.rmtree(kept)
        self._replay(judging=not killed)
        return killed

    def _change_the_world(self, at: datetime) -> None:
        world, random = self.sandbox.world, self.random
        projects = world.projects(ORGANIZATION)
        project = random.choice(projects)
        campaigns = list(world.campaigns(project.id, at))
        accounts = world.accounts(project.id)
        if not campaigns or not accounts:
            return
        campaign, account = random.choice(campaigns), random.choice(accounts)
        day = at.date() - timedelta(days=random.randrange(1, 8))

        def rename() -> None:
            world.update_campaign(campaign.id, name=f"Renamed {random.randrange(100)}", status="paused")

        def add() -> None:
            world.add_campaign(account.id, first_day=day)

        def remove() -> None:
            world.remove_campaign(campaign.id)
            self._removed.add(campaign.id)
            self.note(f"  {campaign.id} is removed")

        def restore() -> None:
            while self._removed:
                world.restore_campaign(self._removed.pop())

        def archive() -> None:
            self.is_calm = False
            world.update_project(project.id, status=random.choice(("archived", "active")))

        def restate() -> None:
            world.restate_day(campaign.id, day, spend_cents=random.randrange(1, 10_000), clicks=random.randrange(1, 99))
            self.note(f"  {campaign.id} {day} is restated")

        def stand_still() -> None:
            self.is_calm = False
            world.pause_syncing(at - timedelta(hours=random.randrange(30)), at + timedelta(days=random.randrange(1, 4)))

        def vanish() -> None:
            world.restate_day(campaign.id, day, spend_cents=0, impressions=0, clicks=0, conversions=0, value_cents=0)
            self.note(f"  {campaign.id} {day} vanishes")

        def move() -> None:
            self.is_calm = False
            others = [other for other in accounts if other.platform is campaign.platform]
            there = random.choice(others)
            world.move_campaign(campaign.id, there.id, day)
            self.note(f"  {campaign.id} moves to {there.id} as of {day}")

        def reconnect() -> None:
            self.is_calm = False
            if account.id not in self._reconnected:
                self._reconnected.add(account.id)
                world.reconnect_account(account.id, old_id_answers=random.random() < 0.5)
                self.note(f"  {account.id} is reconnected")

        changes = [rename, add, remove, restore, archive, restate, stand_still]
        changes += [move, reconnect] * ("moves" in self.themes) + [vanish, vanish] * ("vanishing" in self.themes)
        for change in random.sample(changes, k=random.randrange(3)):
            self.note(f"  world: {change.__name__}")
            change()

    def _change_the_settings(self) -> None:
        options, random = self.pipeline.options, self.random
        before = dict(options)
        if random.random() < 0.15:
            options["settle_hours"] = random.choice(SETTLING)
        if random.random() < 0.1:
            options["start_date"] = options["start_date"] - timedelta(days=random.randrange(1, 6))
        if random.random() < 0.1:
            options["scopes"] = random.choice(SCOPES)
        if options != before:
            self.note(f"  settings: {options}")
            self.pipeline.let_go()

    @contextmanager
    def _faults(self) -> Generator[None]:
        if "faults" in self.themes:
            self.is_calm = False
            for effect, path, parameters in self.random.sample(FAULTS, k=self.random.randrange(4)):
                share, times = self.random.choice((0.2, 0.6, 1.0)), self.random.choice((None, 3))
                self.note(f"  fault: {effect} {parameters} on {path}, {share} of them, {times} times")
                self.sandbox.add_fault(Fault(effect=effect, path=path, parameters=parameters, share=share, times=times))
        if "clock" in self.themes and self.random.random() < 0.3:
            seconds = self.random.choice((-3 * 3600, -600, 200, 4000))
            self.is_calm = False
            self.note(f"  the clock of some answers is off by {seconds} s")
            self.sandbox.add_fault(Fault(effect="clock_skew", path=METRICS, parameters={"seconds": seconds}, share=0.5))
        yield
        self.sandbox.clear_faults()

    # What is remembered ---------------------------------------------------------------------------------------

    def _remember(self, request: httpx.Request, answer: httpx.Response, body: bytes) -> bytes:
        path, _, query = request.extensions["target"].decode().partition("?")
        if answer.status_code == 200 and path.endswith(METRICS):
            metrics = [metric for name, value in parse_qsl(query) if name == "metrics" for metric in value.split(",")]
            with suppress(ValueError):  # of what is no JSON nothing can be accepted
                self.answers[answer.headers["X-Request-Id"]] = parse_answer(metrics, json.loads(body))
        return body

    def _replay(self, *, judging: bool = True) -> None:
        """Tell the naive replay which answers were accepted since."""
        rows = self.pipeline.rows(
            "SELECT scope, entity_id, since, until, read_at, request_id, run_id FROM ops.readings ORDER BY rowid"
        )
        for scope, entity, since, until, read_at, request_id, run_id in rows[self._replayed :]:
            answer = self.answers[request_id]
            self.replay.accept(Accepted(scope, entity, since, until, read_at, answer, by_hand=run_id in self.by_hand))
        self._replayed = len(rows)
        if judging:
            since = self.pipeline.rows("SELECT fresh_since FROM ops.runs ORDER BY started_at DESC LIMIT 1")
            accounts = dict(self.pipeline.rows("SELECT campaign_id, ad_account_id FROM ads.campaigns"))
            if since:
                self.replay.judge_vanished(since[0][0], accounts)


@contextmanager
def born(seed: int, folder: Path) -> Generator[Life]:
    """A life in a world of its own."""
    random = Random(seed)
    config = WorldConfig(
        seed=seed, projects=random.choice((1, 2)), accounts=random.choice((1, 2, 4)), campaigns=random.choice((2, 3))
    )
    with SandboxServer(config, now=FIRST_MORNING) as sandbox:
        life = Life(seed, folder, sandbox)
        try:
            yield life
        finally:
            life.pipeline.let_go()

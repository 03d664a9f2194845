"""The page: what is shown, in words and charts, and the one file that it becomes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from layers_etl.domain.storable import printable_line
from layers_etl.report import charts, numbers
from layers_etl.report.charts import Axis, Point
from layers_etl.report.queries import (
    SHOWN_DAYS,
    Account,
    Campaign,
    Change,
    Completion,
    Day,
    PlatformChange,
    Sample,
    Shown,
    Week,
    load_shown,
)
from layers_etl.warehouse.connection import Readable
from layers_etl.warehouse.files import unfinished

MOST_PANELS: Final = 8
"""Of platforms and currencies: four charts and a table each."""

MOST_TILES: Final = 12
MOST_PROJECTS: Final = 5
MOST_NOTICES: Final = 8
MOST_ROWS: Final = 14
"""Of the table below the charts of a panel: the newest days."""

LONGEST_NAME: Final = 200
LONGEST_LABEL: Final = 40
LONGEST_NOTICE: Final = 300

_NAMES: Final = {"meta_ads": "Meta", "tiktok_ads": "TikTok", "apple_ads": "Apple"}
_STATES: Final = {"settled": "f", "provisional": "p", "running": "p", "held": "w", "never read": "n"}
_MOVING: Final = frozenset({"moving", "at rest"})
_OVERSPENT: Final = 1.1
_UNDERSPENT: Final = 0.6


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a tile: as it stands, where it may end once final, and how that compares to the week before."""

    name: str
    value: str
    expected: str
    change: str


@dataclass(frozen=True, slots=True)
class Tile:
    """The week of one currency."""

    currency: str
    figures: tuple[Figure, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart and what it is of."""

    name: str
    drawing: Markup


@dataclass(frozen=True, slots=True)
class DayRow:
    """The numbers of one day, as the table below the charts has them."""

    day: str
    state: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """One platform in one currency: its charts, and their numbers newest first."""

    platform: str
    currency: str
    charts: tuple[Chart, ...]
    rows: tuple[DayRow, ...]


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """One campaign; ``pace`` is the share of its budget that it should have spent by now, of 1, for a bar."""

    rank: int
    name: str
    below: str
    spend: str
    spends: Markup
    conversions: str
    cpa: str
    cpas: Markup
    cpa_change: str
    roas: str
    pace: float | None
    pace_said: str
    pace_class: str


@dataclass(frozen=True, slots=True)
class Ranking:
    """The campaigns of one currency that spent most."""

    currency: str
    rows: tuple[CampaignRow, ...]
    others: int


@dataclass(frozen=True, slots=True)
class Line:
    """A row of words and numbers."""

    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One ad account: how it stands, and its days as a strip."""

    name: str
    below: str
    is_stalled: bool
    standing: str
    settled: str
    strip: Markup | None


@dataclass(frozen=True, slots=True)
class Notice:
    """What people should know, since when, and what to do."""

    is_error: bool
    sentence: str
    remedy: str
    since: str


@dataclass(frozen=True, slots=True)
class Page:
    """All of the page, in the order in which it is read. What is empty is told to be."""

    projects: str
    as_of: str
    published_at: str
    last_day: str
    final: str
    run: str
    stalled: tuple[str, ...]
    notices: tuple[Notice, ...]
    other_notices: int
    tiles: tuple[Tile, ...]
    other_tiles: int
    panels: tuple[Panel, ...]
    other_panels: int
    rankings: tuple[Ranking, ...]
    change_totals: tuple[Line, ...]
    changes: tuple[Line, ...]
    changed: int
    completion: Markup | None
    completion_rows: tuple[Line, ...]
    completion_days: tuple[int, ...]
    accounts: tuple[AccountRow, ...]
    other_accounts: int
    account_days: str
    samples: tuple[Line, ...]


def write_report(published: Readable, path: Path) -> bool:
    """Write the page of what is published to ``path``, whole or not at all; False where nothing is published yet.

    ``OSError`` where it cannot be written.
    """
    shown = load_shown(published)
    if shown is None:
        return False
    with unfinished(path) as temporary:
        temporary.write_text(render(shown), encoding="utf-8")
        temporary.replace(path)
    return True


def render(shown: Shown) -> str:
    """The whole page, which needs nothing beside it."""
    return _template().render(page=compose(shown))


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("layers_etl.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2")


def compose(shown: Shown) -> Page:
    """What the page says."""
    publication = shown.publication
    days = _days_shown(shown)
    panels = tuple(_panels(shown.days, days))
    notices = [
        Notice(
            found.is_error,
            _shortened(" ".join((found.message or "").split()), LONGEST_NOTICE),
            _shortened(found.remedy or "", LONGEST_NOTICE),
            numbers.day_of(found.since.date()),
        )
        for found in shown.findings
    ]
    completion = _completion_by_platform(shown.completion)
    currencies = {week.currency for week in shown.weeks[:MOST_TILES]}
    projects = list(map(_name, publication.projects or ()))
    more = f" and {len(projects) - MOST_PROJECTS} more" if len(projects) > MOST_PROJECTS else ""
    return Page(
        projects=", ".join(projects[:MOST_PROJECTS]) + more,
        as_of=numbers.instant_of(publication.instant),
        published_at=numbers.instant_of(publication.published_at),
        last_day=numbers.day_of(publication.last_day),
        final=_describe_final(publication.settled_until, publication.last_day),
        run=_label(publication.run_status or "unknown"),
        stalled=tuple(
            _shortened(_name(account.name), 2 * LONGEST_LABEL) for account in shown.accounts if _is_stalled(account)
        ),
        notices=tuple(notices[:MOST_NOTICES]),
        other_notices=max(0, len(notices) - MOST_NOTICES),
        tiles=tuple(map(_tile, shown.weeks[:MOST_TILES])),
        other_tiles=max(0, len(shown.weeks) - MOST_TILES),
        panels=panels[:MOST_PANELS],
        other_panels=max(0, len(panels) - MOST_PANELS),
        rankings=tuple(
            _rankings([row for row in shown.campaigns if row.currency in currencies], days),
        ),
        change_totals=tuple(map(_change_total, shown.changes_by_platform)),
        changes=tuple(map(_change, shown.changes)),
        changed=max((change.changed for change in shown.changes), default=0),
        completion=_completion_chart(completion) if completion else None,
        completion_rows=tuple(_completion_rows(completion)),
        completion_days=tuple(sorted({each.days_after for each in shown.completion})),
        accounts=tuple(map(_account, shown.accounts)),
        other_accounts=max((account.accounts for account in shown.accounts), default=0) - len(shown.accounts),
        account_days=_describe_span([day for account in shown.accounts for day in account.days or ()]),
        samples=tuple(map(_sample, shown.samples)),
    )


def _days_shown(shown: Shown) -> Sequence[dt.date]:
    """From the first day of which there is anything to the last that had closed."""
    last = shown.publication.last_day
    first = min((day.day for day in shown.days), default=last)
    if last is None or first is None:
        return ()
    return [last - dt.timedelta(days=back) for back in range(min((last - first).days, SHOWN_DAYS - 1), -1, -1)]


def _describe_final(settled_until: dt.date | None, last_day: dt.date | None) -> str:
    if last_day is None:
        return "no day has been read yet"
    if settled_until is None:
        return "no day is final yet"
    open_days = (last_day - settled_until).days + 1
    if open_days <= 0:
        return f"all days are final, up to {numbers.day_of(last_day)}"
    newest = settled_until - dt.timedelta(days=1)
    noun = "day" if open_days == 1 else "days"
    return f"final up to {numbers.day_of(newest)}; the last {open_days} {noun} may still change"


def _tile(week: Week) -> Tile:
    open_days = f"{week.open_days} of {week.days} days may still change" if week.open_days else "all days are final"
    short = f", {week.days_before} days of the week before" if week.days_before < week.days else ""
    return Tile(
        _currency(week.currency),
        (
            _figure("Spend", week, week.spend, week.spend_before, week.expected_spend, numbers.money),
            _figure(
                "Conversions", week, week.conversions, week.conversions_before, week.expected_conversions, numbers.count
            ),
            _figure("CPA", week, week.cpa, week.cpa_before, week.expected_cpa, numbers.money),
            _figure("ROAS", week, week.roas, week.roas_before, week.expected_roas, numbers.ratio),
        ),
        open_days + short,
    )


def _figure(
    name: str,
    week: Week,
    value: numbers.Number | None,
    before: numbers.Number | None,
    expected: float | None,
    said: Callable[[float | None], str],
) -> Figure:
    """Compared is what is final with what was: a week that still lacks conversions is no worse for it."""
    wanted = expected if week.open_days else None
    end = value if wanted is None else wanted
    return Figure(
        name,
        said(None if value is None else float(value)),
        "" if wanted is None else said(wanted),
        numbers.change(end, before) if week.days == week.days_before else "",
    )


def _panels(days: Sequence[Day], shown: Sequence[dt.date]) -> Iterator[Panel]:
    for (platform, currency), group in groupby(days, key=lambda day: (day.platform, day.currency)):
        by_day = {day.day: day for day in group}
        place = f"{_platform(platform)}, {_currency(currency)}"

        def axis(name: str, points: Sequence[Point], said: Callable[[float | None], str], where: str = place) -> Axis:
            top = said(charts.most_of(points)) if any(point.value is not None for point in points) else numbers.UNKNOWN
            label = f"{name} by day, {where}: {_describe_series(points, shown, said)}"
            return Axis(label, top, numbers.day_of(shown[0]), numbers.day_of(shown[-1]))

        spend = _points(by_day, shown, lambda day: (day.spend, day.expected_spend, day.spend_low, day.spend_high))
        conversions = _points(
            by_day,
            shown,
            lambda day: (day.conversions, day.expected_conversions, day.conversions_low, day.conversions_high),
        )
        cpa = _points(by_day, shown, lambda day: (day.cpa, day.expected_cpa, None, None))
        roas = _points(by_day, shown, lambda day: (day.roas, day.expected_roas, None, None))
        yield Panel(
            _platform(platform),
            _currency(currency),
            (
                Chart("Spend", charts.bars(spend, axis("Spend", spend, numbers.money))),
                Chart("Conversions", charts.bars(conversions, axis("Conversions", conversions, numbers.count))),
                Chart("CPA", charts.line(cpa, axis("CPA", cpa, numbers.money))),
                Chart("ROAS", charts.line(roas, axis("ROAS", roas, numbers.ratio))),
            ),
            tuple(_day_row(by_day[day]) for day in list(reversed(shown))[:MOST_ROWS] if day in by_day),
        )


Read = Callable[[Day], tuple[numbers.Number | None, float | None, float | None, float | None]]


def _points(by_day: dict[dt.date, Day], shown: Sequence[dt.date], read: Read) -> list[Point]:
    return [_point(by_day.get(day), read) for day in shown]


def _point(day: Day | None, read: Read) -> Point:
    if day is None:
        return Point(None)
    value, expected, low, high = read(day)
    return Point(None if value is None else float(value), day.settled, expected, low, high)


def _describe_series(points: Sequence[Point], days: Sequence[dt.date], said: Callable[[float | None], str]) -> str:
    """What a chart shows, for those who do not see it."""
    known = [(point, day) for point, day in zip(points, days, strict=True) if point.value is not None]
    if not known:
        return "not known."
    values = [point.value for point, _ in known if point.value is not None]
    newest, day = known[-1]
    expected = f", expected to end at {said(newest.expected)}" if newest.expected is not None else ""
    open_days = sum(not point.final for point, _ in known)
    return (
        f"{said(min(values))} to {said(max(values))} from {numbers.day_of(known[0][1])} to {numbers.day_of(day)}; "
        f"newest {said(newest.value)}{expected}; {open_days} days may still change."
    )


def _day_row(day: Day) -> DayRow:
    return DayRow(
        numbers.day_of(day.day),
        "final" if day.settled else "may change",
        (
            numbers.money(day.spend),
            numbers.count(day.conversions),
            "" if day.expected_conversions is None else f"{day.expected_conversions:,.0f}",
            numbers.money(day.cpa),
            numbers.ratio(day.roas),
        ),
    )


def _rankings(campaigns: Sequence[Campaign], days: Sequence[dt.date]) -> Iterator[Ranking]:
    for currency, group in groupby(campaigns, key=lambda campaign: campaign.currency):
        rows = list(group)
        yield Ranking(_currency(currency), tuple(_campaign(row, days) for row in rows), rows[0].campaigns - len(rows))


def _campaign(campaign: Campaign, days: Sequence[dt.date]) -> CampaignRow:
    spends = dict(zip(campaign.days, campaign.spends, strict=True))
    cpas = dict(zip(campaign.days, campaign.cpas, strict=True))
    status = campaign.status or ""
    below = [_platform(campaign.platform), _shortened(_name(campaign.account or "no account known"), 2 * LONGEST_LABEL)]
    is_active = not status or status.lower() == "active"
    if not is_active:
        below.append(_label(status))
    pace = campaign.pace
    return CampaignRow(
        campaign.rank,
        _name(campaign.name or "no name known"),
        " · ".join(below),
        numbers.money(campaign.spend),
        charts.sparkline([float(spends.get(day) or 0) for day in days], "Spend by day"),
        numbers.count(campaign.conversions),
        numbers.money(campaign.cpa),
        charts.sparkline([cpas.get(day) for day in days], "CPA of seven days each"),
        "" if campaign.cpa_change is None else numbers.times(1 + campaign.cpa_change),
        numbers.ratio(campaign.roas),
        None if pace is None else min(pace, 1.5),
        "no daily budget" if pace is None else f"{pace:.0%} of {numbers.count(campaign.budget_to_date)}",
        _pace_class(pace) if pace is not None and is_active else "",
    )


def _pace_class(pace: float) -> str:
    if pace > _OVERSPENT:
        return "over"
    return "under" if pace < _UNDERSPENT else ""


def _change_total(change: PlatformChange) -> Line:
    return Line(
        (
            f"{_platform(change.platform)}, {_currency(change.currency)}",
            f"{change.entity_days:,} on {change.days} {'day' if change.days == 1 else 'days'}",
            numbers.signed(change.spend_change, 2),
            numbers.signed(change.conversions_change),
        )
    )


def _change(change: Change) -> Line:
    return Line(
        (
            _name(change.name),
            f"{_platform(change.platform)}, {numbers.day_of(change.day)}",
            f"{numbers.money(change.spend_before)} → {numbers.money(change.spend)} {_currency(change.currency)}",
            f"{numbers.count(change.conversions_before)} → {numbers.count(change.conversions)}",
        )
    )


Curves = dict[str, list[tuple[int, float]]]


def _completion_by_platform(completion: Sequence[Completion]) -> Curves:
    found: Curves = {}
    for each in completion:
        found.setdefault(_platform(each.platform), []).append((each.days_after, each.share))
    return found


def _completion_chart(curves: Curves) -> Markup:
    said = "; ".join(
        f"{platform}: " + ", ".join(f"{share:.0%} after {days} days" for days, share in curve)
        for platform, curve in curves.items()
    )
    return charts.curves(list(curves.values()), f"Share of the settled conversions that was known. {said}.")


def _completion_rows(curves: Curves) -> Iterator[Line]:
    ages = sorted({days for curve in curves.values() for days, _ in curve})
    for platform, curve in curves.items():
        known = dict(curve)
        yield Line((platform, *(numbers.percent(known.get(days)) for days in ages)))


def _account(account: Account) -> AccountRow:
    below = [_platform(account.platform), _currency(account.currency)]
    if account.token_status and account.token_status.lower() != "valid":
        below.append(f"token {_label(account.token_status)}")
    counts = (
        (account.open_days, "may still change"),
        (account.held_days, "wait for the copy to move"),
        (account.unread_days, "never read"),
    )
    said = ", ".join(f"{number} {what}" for number, what in counts if number)
    label = f"{len(account.states or ())} days: {said or 'all final'}."
    return AccountRow(
        _name(account.name),
        " · ".join(below),
        _is_stalled(account),
        _label(account.copy or "not known yet"),
        f"final to {numbers.day_of(account.newest_settled)}" if account.newest_settled else "no day is final yet",
        charts.strip(account.states, _STATES, label) if account.states else None,
    )


def _is_stalled(account: Account) -> bool:
    """Its numbers stand still, or will: no proof that the copy moves, or no token to move it with."""
    no_token = account.token_status is not None and account.token_status.lower() != "valid"
    return no_token or (account.copy is not None and account.copy not in _MOVING and account.held_days > 0)


def _sample(sample: Sample) -> Line:
    return Line(
        (
            f"{sample.scope.replace('_', ' ')}s on {_platform(sample.platform)}",
            f"{sample.entity_days:,}",
            f"{sample.moved:,}",
            f"{sample.moved / sample.entity_days:.1%}"
            if sample.moves_at_most is None
            else f"at most {sample.moves_at_most:.1%}",
        )
    )


def _describe_span(days: Sequence[dt.date]) -> str:
    return f"{numbers.day_of(min(days))} to {numbers.day_of(max(days))}" if days else ""


def _platform(platform: str | None) -> str:
    return _NAMES.get(platform or "", _label(platform or "unknown platform"))


def _currency(currency: str | None) -> str:
    return _label(currency or "unknown currency")


def _name(name: str) -> str:
    """On one line and of bounded length, whatever it holds."""
    return _shortened(printable_line(name), LONGEST_NAME)


def _label(word: str) -> str:
    """What is of the API's own vocabulary, and short unless something is wrong with it."""
    return _shortened(printable_line(word), LONGEST_LABEL)


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"

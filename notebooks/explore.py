"""The published numbers to look around in: pick a project, a currency and dates. The queries are those of the report.

``pip install marimo`` beside layers-etl, then ``marimo run notebooks/explore.py``; ``marimo edit`` to go on from it.
As a script it prints what it shows of the first choice.
"""

import marimo

app = marimo.App(width="medium", app_title="Paid ads")


@app.cell
def _():
    from dataclasses import asdict
    from datetime import timedelta

    import marimo as mo
    import polars as pl
    from marimo import md

    from layers_etl.ingest.publisher import publisher_of
    from layers_etl.report.queries import load_shown
    from layers_etl.settings import load_settings

    most_days = 180
    return asdict, load_settings, load_shown, md, mo, most_days, pl, publisher_of, timedelta


@app.cell
def _(load_settings, publisher_of):
    publisher = publisher_of(load_settings())
    with publisher.open() as opened:
        if opened is None:
            raise SystemExit(f"{publisher.name} is not there yet: the first run makes it.")
        named = opened.connection.execute(
            "SELECT coalesce(name, project_id), project_id FROM ads.projects WHERE gone_at IS NULL ORDER BY ALL"
        ).fetchall()
        ((last_day,),) = opened.connection.execute("SELECT max(last_day) FROM ops.horizon").fetchall()
    if last_day is None:
        raise SystemExit("Nothing was read yet: a run that reads makes it.")
    return last_day, named, publisher


@app.cell
def _(last_day, mo, most_days, named, timedelta):
    project = mo.ui.dropdown({"all projects": None} | dict(named), value="all projects", label="Project")
    dates = mo.ui.date_range(
        start=last_day - timedelta(days=most_days - 1),
        stop=last_day,
        value=(last_day - timedelta(days=27), last_day),
        label="Days (UTC)",
    )
    return dates, project


@app.cell
def _(dates, last_day, load_shown, project, publisher):
    since, until = dates.value
    with publisher.open() as _published:
        shown = load_shown(_published, project_id=project.value, days=(last_day - since).days + 1)
    return shown, since, until


@app.cell
def _(mo, shown):
    currencies = [week.currency or "unknown" for week in shown.weeks] or ["unknown"]
    currency = mo.ui.dropdown(currencies, value=currencies[0], label="Currency")
    return (currency,)


@app.cell
def _(currency, dates, md, mo, project, shown):
    _settled = shown.publication.settled_until
    mo.vstack(
        [
            mo.hstack([project, currency, dates], justify="start"),
            md(
                f"Published {shown.publication.published_at:%Y-%m-%d %H:%M} UTC. Final before {_settled}; newer days "
                "may still change, and `expected` says where it may end. Money is never added over currencies."
            ),
        ]
    )
    return


@app.cell
def _(asdict, currency, pl, shown, since, until):
    days = pl.DataFrame(
        [
            asdict(day)
            for day in shown.days
            if (day.currency or "unknown") == currency.value and since <= day.day <= until
        ],
        infer_schema_length=None,
    )
    return (days,)


@app.cell
def _(days, md, mo):
    mo.vstack([md("## Days by platform"), mo.ui.table(days)])
    return


@app.cell
def _(asdict, currency, md, mo, pl, shown):
    campaigns = pl.DataFrame(
        [asdict(campaign) for campaign in shown.campaigns if (campaign.currency or "unknown") == currency.value],
        infer_schema_length=None,
    )
    mo.vstack([md("## Campaigns, by spend up to the last closed day"), mo.ui.table(campaigns)])
    return (campaigns,)


@app.cell
def _(asdict, currency, md, mo, pl, shown):
    changes = pl.DataFrame(
        [asdict(change) for change in shown.changes if (change.currency or "unknown") == currency.value],
        infer_schema_length=None,
    )
    mo.vstack([md("## What changed since yesterday's report"), mo.ui.table(changes)])
    return (changes,)


@app.cell
def _(campaigns, changes, days, mo):
    if mo.app_meta().mode == "script":
        print(f"{len(days)} days of platforms, {len(campaigns)} campaigns, {len(changes)} changes")
        print(days)
    return


if __name__ == "__main__":
    app.run()

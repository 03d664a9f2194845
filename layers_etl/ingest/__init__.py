"""One run: plan, fetch, land, record. Plain Python; the CLI and Dagster both call it."""

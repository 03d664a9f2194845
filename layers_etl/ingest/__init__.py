"""One run, from its beginning to the published file. Plain Python; the command line and Dagster both tell its steps."""

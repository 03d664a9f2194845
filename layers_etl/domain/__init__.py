"""The rules, pure: no I/O, no clock, no dagster, httpx or duckdb."""

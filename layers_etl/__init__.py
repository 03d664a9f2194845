"""Layers ads-metrics in a local DuckDB warehouse, kept true."""

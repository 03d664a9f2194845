"""DuckDB: connection, schema, upsert, publishing. Its SQL is in ``sql/``. No HTTP, no formulas."""

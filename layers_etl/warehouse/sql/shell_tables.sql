-- Every table and view, and what it holds.
SELECT schema_name || '.' || table_name AS name, comment FROM duckdb_tables() WHERE NOT internal
UNION ALL
SELECT schema_name || '.' || view_name, comment FROM duckdb_views() WHERE NOT internal
ORDER BY name;

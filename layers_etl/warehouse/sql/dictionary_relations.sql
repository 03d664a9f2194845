-- Every table and view of the file with its comment.
SELECT schema_name, table_name AS name, 'table' AS kind, comment FROM duckdb_tables() WHERE NOT internal
UNION ALL
SELECT schema_name, view_name, 'view', comment FROM duckdb_views() WHERE NOT internal
ORDER BY schema_name, name;

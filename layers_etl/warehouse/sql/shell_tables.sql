-- Every table and view, and what it holds: what analysts query first, how the numbers came here last.
SELECT name, comment
FROM (
  SELECT schema_name, schema_name || '.' || table_name AS name, comment FROM duckdb_tables() WHERE NOT internal
  UNION ALL
  SELECT schema_name, schema_name || '.' || view_name, comment FROM duckdb_views() WHERE NOT internal
)
ORDER BY schema_name <> 'marts', name;

-- Every table of $database, with its columns in their order and what makes it: types and what is required, no more.
SELECT
  schema_name, table_name,
  list(column_name ORDER BY column_index) AS columns,
  'CREATE TABLE ' || schema_name || '.' || table_name || ' ('
  || string_agg(
    '"' || column_name || '" ' || data_type || CASE WHEN is_nullable THEN '' ELSE ' NOT NULL' END,
    ', ' ORDER BY column_index
  )
  || ')' AS definition
FROM duckdb_columns()
JOIN (
  SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = $database AND NOT temporary
) USING (schema_name, table_name)
WHERE database_name = $database
GROUP BY schema_name, table_name
ORDER BY ALL;

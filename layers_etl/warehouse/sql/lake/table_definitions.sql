-- Every table of $database, with its columns in their order, the first of them that dates each of its rows, the first that
-- says when each came to be, and what makes it: types and what is required, no more. It is what has columns and is no view:
-- duckdb_tables() would count the rows of a lake.
SELECT
  schema_name, table_name,
  list(column_name ORDER BY column_index) AS columns,
  min_by(column_name, column_index) FILTER (
    WHERE NOT is_nullable AND data_type IN ('DATE', 'TIMESTAMP WITH TIME ZONE')
  ) AS dated_by,
  coalesce(
    min_by(column_name, column_index) FILTER (NOT is_nullable AND data_type = 'TIMESTAMP WITH TIME ZONE'), dated_by
  ) AS arrived_by,
  'CREATE TABLE ' || schema_name || '.' || table_name || ' ('
  || string_agg(
    '"' || column_name || '" ' || data_type || CASE WHEN is_nullable THEN '' ELSE ' NOT NULL' END,
    ', ' ORDER BY column_index
  )
  || ')' AS definition
FROM duckdb_columns()
WHERE database_name = $database
  AND (schema_name, table_name) NOT IN (SELECT (schema_name, view_name) FROM duckdb_views() WHERE database_name = $database)
GROUP BY schema_name, table_name
ORDER BY ALL;

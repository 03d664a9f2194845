-- The columns of a table or view, named with its schema or without.
SELECT column_name, data_type, comment
FROM duckdb_columns()
WHERE schema_name || '.' || table_name = $1 OR table_name = $1
ORDER BY schema_name, column_index;

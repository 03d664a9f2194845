-- Every column of every table and view with its comment.
SELECT schema_name, table_name AS name, column_name, data_type, is_nullable, comment
FROM duckdb_columns()
WHERE NOT internal
ORDER BY schema_name, name, column_index;

-- Columns of the file's views that have no comment.
SELECT columns.schema_name || '.' || columns.table_name, columns.column_name
FROM duckdb_columns() AS columns
JOIN duckdb_views() AS views ON views.view_oid = columns.table_oid AND views.database_name = columns.database_name
WHERE NOT views.internal AND columns.comment IS NULL AND columns.database_name = current_database();

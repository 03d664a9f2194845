-- The tables of the attached lake that have any row: the others have no file, and to look into one all the same takes ten
-- times as long as into a small one (DuckDB 1.5.5).
SELECT DISTINCT schema_name, table_name
FROM {catalog}.ducklake_data_file AS data_file
JOIN {catalog}.ducklake_table AS lake_table USING (table_id)
JOIN {catalog}.ducklake_schema AS lake_schema USING (schema_id)
WHERE data_file.end_snapshot IS NULL AND lake_table.end_snapshot IS NULL AND lake_schema.end_snapshot IS NULL;

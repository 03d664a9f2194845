-- For each table, a query that reads every block of it, and with each its checksum.
SELECT
  'SELECT bit_xor(hash(COLUMNS(*))) FROM "' || replace(schema_name, '"', '""') || '"."' || replace(table_name, '"', '""') || '"'
FROM duckdb_tables()
WHERE database_name = current_database() AND NOT temporary
ORDER BY schema_name, table_name;

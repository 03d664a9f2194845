-- How many rows the tables of this file have whose rows are taken out and written anew as days change.
SELECT coalesce(sum(estimated_size), 0)::BIGINT
FROM duckdb_tables()
WHERE database_name = current_database() AND schema_name IN ('ads', 'marts')
  AND regexp_matches(table_name, '_(metrics|daily|reach_weekly)$');

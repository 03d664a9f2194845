-- ops.dictionary: what the catalog of the file says, with the units of numbers (measures, see declare_measures.sql).
-- The text of every table and view begins with its grain.
DELETE FROM ops.dictionary;

INSERT INTO ops.dictionary BY NAME
WITH relations AS (
  SELECT schema_name, table_name AS relation_name, 'table' AS kind, comment AS relation_text
  FROM duckdb_tables()
  WHERE database_name = current_database() AND NOT temporary
  UNION ALL
  SELECT schema_name, view_name, 'view', comment
  FROM duckdb_views()
  WHERE database_name = current_database() AND NOT internal
),
columns AS (
  SELECT
    schema_name, table_name AS relation_name, column_index AS position, column_name, data_type AS column_type,
    NOT is_nullable AS required, comment AS column_text,
    data_type IN ('BIGINT', 'INTEGER', 'DOUBLE') OR data_type LIKE 'DECIMAL%' AS is_number
  FROM duckdb_columns()
  WHERE database_name = current_database() AND NOT internal
)
SELECT
  relations.* REPLACE (lower(grain[1]) || grain[2:] AS grain),
  position, columns.column_name, column_type, CASE WHEN kind = 'table' THEN required END AS required,
  CASE
    WHEN column_type = 'DATE' THEN 'UTC day'
    WHEN column_type = 'TIMESTAMP WITH TIME ZONE' THEN 'UTC instant'
    WHEN is_number THEN coalesce(own.unit, usual.unit)
  END AS unit,
  CASE WHEN is_number THEN coalesce(own.additive, usual.additive) END AS additive,
  column_text
FROM (
  SELECT *, regexp_extract(relation_text, '^(One row.*?)([:;]|[.] |[.]$)', 1) AS grain FROM relations
) AS relations
JOIN columns USING (schema_name, relation_name)
LEFT JOIN measures AS own
  ON own.relation = schema_name || '.' || relation_name AND own.column_name = columns.column_name
LEFT JOIN measures AS usual ON usual.relation IS NULL AND usual.column_name = columns.column_name
UNION ALL BY NAME
SELECT
  schema_name, function_name AS relation_name, 'macro' AS kind, comment AS relation_text,
  array_to_string(parameters, ', ') AS parameters
FROM duckdb_functions()
WHERE database_name = current_database() AND NOT internal AND function_type IN ('macro', 'table_macro')
ORDER BY schema_name, relation_name, position;

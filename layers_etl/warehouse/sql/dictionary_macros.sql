-- Every macro of the file with its parameters and comment.
SELECT schema_name, function_name AS name, parameters, comment
FROM duckdb_functions()
WHERE NOT internal AND function_type IN ('macro', 'table_macro')
ORDER BY schema_name, name;

-- Every table and view of the file, column by column, and then every macro.
FROM ops.dictionary
ORDER BY schema_name, kind = 'macro', relation_name, position;

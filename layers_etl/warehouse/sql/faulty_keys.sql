-- Keys of {table} that are not one row's alone, or not whole.
SELECT count(*) FROM (SELECT {key} FROM {table} GROUP BY ALL HAVING count(*) > 1 OR {key_is_null});

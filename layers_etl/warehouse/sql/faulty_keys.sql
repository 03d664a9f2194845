-- Keys of {table} that are not one row's alone, or not whole, among the rows for which the condition holds.
SELECT count(*)
FROM (SELECT {key} FROM {table} AS held WHERE {held} GROUP BY ALL HAVING count(*) > 1 OR {key_is_null});

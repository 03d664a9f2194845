-- The days of {table} in [$since, $until) once more, ordered by day: no row is another.
CREATE OR REPLACE TEMP TABLE scattered AS SELECT * FROM {table} WHERE day >= $since AND day < $until;

DELETE FROM {table} WHERE day >= $since AND day < $until;

INSERT INTO {table} SELECT * FROM scattered ORDER BY day, {key};

DROP TABLE scattered;

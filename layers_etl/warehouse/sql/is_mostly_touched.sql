-- Whether the windows in touched (project_id, entity_id, since, until) have at least half as many days in [$since, $until)
-- as {table} has rows. What is in two of them counts twice.
SELECT
  2 * coalesce(sum(least(until, $until::DATE) - greatest(since, $since::DATE)), 0)
    >= (SELECT count(*) FROM {table} WHERE day >= $since AND day < $until)
FROM touched
WHERE since < $until AND until > $since;

-- Days of marts.{view} since $since on which children and parent do not agree, the largest residual (as a share) first.
-- read_now: either side was read at or after $read_since.
SELECT
  {parent_id}, day, {residuals}, {missing} AS missing, comparable, settled,
  coalesce(greatest({parent_observed_at}, {newest_observed_at}) >= $read_since, false) AS read_now
FROM marts.{view}
WHERE day >= $since AND NOT agrees
ORDER BY greatest({shares}) DESC, day DESC;

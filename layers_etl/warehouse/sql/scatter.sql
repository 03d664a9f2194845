-- In how many row groups the days of {table} in [$since, $until) lie, summed over the days, how many each needs at most
-- where rows are ordered by day, and how many rows there are. DuckDB reads whole row groups.
WITH by_day AS (
  SELECT day, count(*) AS rows, count(DISTINCT rowid // $row_group::INTEGER) AS row_groups
  FROM {table}
  WHERE day >= $since AND day < $until
  GROUP BY day
)
SELECT coalesce(sum(row_groups), 0)::BIGINT, coalesce(sum(rows // $row_group::INTEGER + 2), 0)::BIGINT,
  coalesce(sum(rows), 0)::BIGINT
FROM by_day;

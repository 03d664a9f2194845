-- Entity-days within the horizon that changed after $since_revision; one that several windows hold counts once.
WITH clipped AS (
  SELECT
    scope, project_id, entity_id,
    greatest(since, horizon.first_day) AS since,
    least(until, horizon.last_day + 1) AS until
  FROM ops.changed_days, ops.horizon AS horizon
  WHERE revision > $since_revision
),
-- Of each window, in their order, what those before it do not reach.
added AS (
  SELECT
    until,
    greatest(since, max(until) OVER (
      PARTITION BY scope, project_id, entity_id
      ORDER BY since, until
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )) AS since
  FROM clipped
  WHERE since < until
)
SELECT coalesce(sum(greatest(until - since, 0)), 0)::BIGINT FROM added;

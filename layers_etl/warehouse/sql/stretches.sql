-- The days of {windows} (project_id, entity_id, since, until) within those of {days}, in stretches, oldest first: those of
-- nearly all of these entities apart from those of few, and of about $rows entity-days at most.
WITH held AS (SELECT min(day) AS first_day, max(day) AS last_day FROM ({days})),
clipped AS (
  SELECT entity_id, greatest(since, first_day) AS since, least(until, last_day + 1) AS until
  FROM {windows}, held
  WHERE since <= last_day AND until > first_day
),
edges AS (
  SELECT day, sum(edge) AS edge
  FROM (SELECT since AS day, 1 AS edge FROM clipped UNION ALL SELECT until AS day, -1 AS edge FROM clipped)
  GROUP BY day
),
spans AS (
  SELECT
    day AS since, lead(day) OVER (ORDER BY day) AS until,
    sum(edge) OVER (ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS entities
  FROM edges
),
days AS (
  SELECT
    unnest(generate_series(since, until - 1, INTERVAL 1 DAY))::DATE AS day, entities,
    entities * 10 > (SELECT max(entities) FROM spans) AS of_many
  FROM spans
  WHERE entities > 0
),
numbered AS (
  SELECT
    day,
    row_number() OVER (ORDER BY day) - row_number() OVER (PARTITION BY of_many ORDER BY day) AS alike,
    of_many, sum(entities) OVER (ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) // $rows::BIGINT AS part
  FROM days
)
SELECT min(day) AS since, max(day) + 1 AS until
FROM numbered
GROUP BY of_many, alike, part
ORDER BY since;

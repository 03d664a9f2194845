-- How settled days matured: for each entity-day and age (whole days), the last value read at that age; what
-- marts.restatements shows, of the newest $days days alone.
-- Days that were first read when they had settled tell nothing and are left out; readings after settling are too.
-- Of each platform $entities entities are enough, drawn by a hash of their ids: the same ones every day.
WITH recent AS (
  SELECT project_id, {id_column} AS entity_id, day, platform, first_observed_at, spend, conversions, conversion_value
  FROM ads.{scope}_metrics
  WHERE settled AND day >= (SELECT last_day FROM ops.horizon) - $days::INTEGER
),
drawn AS (
  SELECT project_id, entity_id
  FROM (SELECT DISTINCT project_id, entity_id, platform FROM recent)
  QUALIFY row_number() OVER (PARTITION BY platform ORDER BY md5(project_id || '/' || entity_id)) <= $entities::INTEGER
),
settled_days AS (
  SELECT *, project_id || '/' || entity_id AS entity FROM recent SEMI JOIN drawn USING (project_id, entity_id)
),
read_days AS (
  SELECT
    project_id || '/' || entity_id AS entity, read_at,
    unnest(generate_series(
      greatest(since, (SELECT last_day FROM ops.horizon) - $days::INTEGER), until - 1, INTERVAL 1 DAY
    ))::DATE AS day
  FROM ops.readings
  SEMI JOIN drawn USING (project_id, entity_id)
  WHERE scope = '{scope}' AND until > (SELECT last_day FROM ops.horizon) - $days::INTEGER
),
last_read AS (
  SELECT
    platform, entity, day, 24 * floor(ops.hours_after_close(day, read_days.read_at) / 24)::INTEGER AS age_hours,
    max(read_at) AS read_at, any_value(spend)::DOUBLE AS settled_spend,
    any_value(conversions)::DOUBLE AS settled_conversions, any_value(conversion_value)::DOUBLE AS settled_conversion_value
  FROM read_days
  JOIN settled_days USING (entity, day)
  WHERE ops.hours_after_close(day, read_days.read_at) >= 0
    AND ops.hours_after_close(day, read_days.read_at) < ops.hours_to_settle(platform)
  GROUP BY ALL
),
versions AS (
  SELECT
    project_id || '/' || {id_column} AS entity, day, observed_at AS valid_from, superseded_at AS valid_to,
    spend, conversions, conversion_value
  FROM ads.{scope}_metrics_history AS history
  SEMI JOIN drawn ON drawn.project_id = history.project_id AND drawn.entity_id = history.{id_column}
  WHERE day >= (SELECT last_day FROM ops.horizon) - $days::INTEGER
  UNION ALL
  SELECT entity, day, first_observed_at, TIMESTAMPTZ 'infinity', spend, conversions, conversion_value FROM settled_days
),
-- What the table said at the instant of the reading: the newest version from before it that stood until after it.
known AS (
  SELECT
    platform, last_read.entity, last_read.day, age_hours, settled_spend, settled_conversions, settled_conversion_value,
    arg_max(spend, valid_from)::DOUBLE AS spend, arg_max(conversions, valid_from)::DOUBLE AS conversions,
    arg_max(conversion_value, valid_from)::DOUBLE AS conversion_value
  FROM last_read
  JOIN versions
    ON versions.entity = last_read.entity AND versions.day = last_read.day
   AND versions.valid_from <= last_read.read_at AND versions.valid_to > last_read.read_at
  GROUP BY ALL
)
SELECT platform, 'spend' AS metric, entity, day, age_hours, spend AS value, settled_spend AS settled_value
FROM known WHERE spend IS NOT NULL AND settled_spend IS NOT NULL
UNION ALL
SELECT platform, 'conversions', entity, day, age_hours, conversions, settled_conversions
FROM known WHERE conversions IS NOT NULL AND settled_conversions IS NOT NULL
UNION ALL
SELECT platform, 'conversion_value', entity, day, age_hours, conversion_value, settled_conversion_value
FROM known WHERE conversion_value IS NOT NULL AND settled_conversion_value IS NOT NULL;

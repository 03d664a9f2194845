-- Settled days of the last eight weeks that were read more than once: did their last reading still change them?
-- The last column counts those that had settled before it: they had stood in history as settled.
WITH last_readings AS (
  SELECT
    *, ops.hours_to_settle(platform) AS hours_to_settle,
    lag(age_hours) OVER (PARTITION BY project_id, entity_id, day ORDER BY read_at) AS age_hours_before
  FROM marts.restatements
  WHERE scope = '{scope}' AND day >= (SELECT last_day FROM ops.horizon) - 56
  QUALIFY row_number() OVER (PARTITION BY project_id, entity_id, day ORDER BY read_at DESC) = 1
),
settled_last AS (
  SELECT
    *,
    spend_change <> 0 OR impressions_change <> 0 OR clicks_change <> 0 OR conversions_change <> 0
      OR conversion_value_change <> 0 AS moved
  FROM last_readings
  WHERE age_hours >= hours_to_settle AND age_hours_before IS NOT NULL
)
SELECT
  platform, count(*), count(*) FILTER (moved), sum(abs(conversions_change))::DOUBLE / nullif(sum(conversions), 0),
  count(*) FILTER (moved AND had_settled.day IS NOT NULL)
FROM settled_last
LEFT JOIN (
  SELECT DISTINCT project_id, {id_column} AS entity_id, day FROM ads.{scope}_metrics_history WHERE settled
) AS had_settled USING (project_id, entity_id, day)
GROUP BY platform
ORDER BY platform;

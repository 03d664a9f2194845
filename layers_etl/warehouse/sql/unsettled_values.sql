-- What is known of every closed, unsettled day of the mart, one row per metric.
WITH unsettled AS (
  SELECT
    project_id, {id_column} AS entity_id, day, platform, spend, conversions, conversion_value,
    24 * floor(ops.hours_after_close(day, observed_at) / 24)::INTEGER AS age_hours
  FROM {mart}
  WHERE NOT settled
)
SELECT project_id, entity_id, day, platform, age_hours, 'spend' AS metric, spend::DOUBLE AS value FROM unsettled
UNION ALL
SELECT project_id, entity_id, day, platform, age_hours, 'conversions', conversions::DOUBLE FROM unsettled
UNION ALL
SELECT project_id, entity_id, day, platform, age_hours, 'conversion_value', conversion_value::DOUBLE FROM unsettled;

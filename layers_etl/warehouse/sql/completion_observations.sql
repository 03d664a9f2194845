-- How settled days matured: for each entity-day and age (whole days), the last value read at that age.
-- Days that were first read when they had settled tell nothing and are left out; readings after settling are too.
WITH recent AS (
  SELECT *, ops.hours_to_settle(platform) AS hours_to_settle
  FROM marts.restatements
  WHERE scope = '{scope}' AND day >= (SELECT last_day FROM ops.horizon) - $days::INTEGER AND age_hours >= 0
),
read_while_open AS (
  SELECT
    platform, project_id || '/' || entity_id AS entity, day, 24 * floor(age_hours / 24)::INTEGER AS age_hours,
    arg_max(spend, read_at) AS spend, any_value(settled_spend) AS settled_spend,
    arg_max(conversions, read_at) AS conversions, any_value(settled_conversions) AS settled_conversions,
    arg_max(conversion_value, read_at) AS conversion_value,
    any_value(settled_conversion_value) AS settled_conversion_value
  FROM recent
  WHERE age_hours < hours_to_settle
  GROUP BY ALL
)
SELECT platform, 'spend' AS metric, entity, day, age_hours, spend::DOUBLE AS value,
  settled_spend::DOUBLE AS settled_value
FROM read_while_open WHERE spend IS NOT NULL AND settled_spend IS NOT NULL
UNION ALL
SELECT platform, 'conversions', entity, day, age_hours, conversions::DOUBLE, settled_conversions::DOUBLE
FROM read_while_open WHERE conversions IS NOT NULL AND settled_conversions IS NOT NULL
UNION ALL
SELECT platform, 'conversion_value', entity, day, age_hours, conversion_value::DOUBLE, settled_conversion_value::DOUBLE
FROM read_while_open WHERE conversion_value IS NOT NULL AND settled_conversion_value IS NOT NULL;

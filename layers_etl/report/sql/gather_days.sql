-- report_days: one row per platform, currency and closed day of the last $days: the sums of marts.platform_daily over
-- projects, or of $project alone, and where a day that is not settled is expected to end, from its campaigns.
-- What is still to come of a campaign's day is added to what the platform has. The ends of the interval are sums of the
-- campaigns' own: as wide as if all went the same way, which the days of one platform mostly do. Null: not projected.
-- Of cpa, paid and converted are the two sides, of what is known on both.
CREATE OR REPLACE TEMP TABLE report_days AS
WITH uncounted AS (
  SELECT project_id, entity_id AS campaign_id, day FROM ops.uncounted_days WHERE scope = 'campaign'
),
open_days AS (
  SELECT *
  FROM marts.campaign_daily
  ANTI JOIN uncounted USING (project_id, campaign_id, day)
  WHERE NOT settled AND day > (SELECT last_day FROM ops.horizon) - $days AND day <= (SELECT last_day FROM ops.horizon)
    AND ($project::VARCHAR IS NULL OR project_id = $project)
),
still_to_come AS (
  SELECT
    platform, currency, day,
    count(*) FILTER (spend IS NOT NULL AND projected_spend IS NULL) = 0 AS spend_is_projected,
    sum(projected_spend - spend) AS spend, sum(projected_spend_low - spend) AS spend_low,
    sum(projected_spend_high - spend) AS spend_high,
    count(*) FILTER (conversions IS NOT NULL AND projected_conversions IS NULL) = 0 AS conversions_are_projected,
    sum(projected_conversions - conversions) AS conversions,
    sum(projected_conversions_low - conversions) AS conversions_low,
    sum(projected_conversions_high - conversions) AS conversions_high,
    count(*) FILTER (conversion_value IS NOT NULL AND projected_conversion_value IS NULL) = 0 AS value_is_projected,
    sum(projected_conversion_value - conversion_value) AS conversion_value
  FROM open_days
  GROUP BY ALL
),
known AS (
  SELECT
    platform, currency, day, sum(spend) AS spend, sum(conversions) AS conversions, sum(conversion_value) AS conversion_value,
    sum(spend) FILTER (conversions IS NOT NULL) AS paid, sum(conversions) FILTER (spend IS NOT NULL) AS converted,
    bool_and(settled) AS settled
  FROM marts.platform_daily
  WHERE day > (SELECT last_day FROM ops.horizon) - $days AND day <= (SELECT last_day FROM ops.horizon)
    AND ($project::VARCHAR IS NULL OR project_id = $project)
  GROUP BY ALL
)
SELECT
  known.platform, known.currency, known.day, known.settled, known.spend, known.conversions, known.conversion_value,
  known.paid, known.converted,
  CASE WHEN spend_is_projected THEN known.spend + still_to_come.spend END AS expected_spend,
  CASE WHEN spend_is_projected THEN known.spend + spend_low END AS spend_low,
  CASE WHEN spend_is_projected THEN known.spend + spend_high END AS spend_high,
  CASE WHEN conversions_are_projected THEN known.conversions + still_to_come.conversions END AS expected_conversions,
  CASE WHEN conversions_are_projected THEN known.conversions + conversions_low END AS conversions_low,
  CASE WHEN conversions_are_projected THEN known.conversions + conversions_high END AS conversions_high,
  CASE WHEN value_is_projected THEN known.conversion_value + still_to_come.conversion_value END AS expected_conversion_value
FROM known
LEFT JOIN still_to_come
  ON still_to_come.day = known.day AND NOT known.settled
 AND still_to_come.platform IS NOT DISTINCT FROM known.platform
 AND still_to_come.currency IS NOT DISTINCT FROM known.currency;

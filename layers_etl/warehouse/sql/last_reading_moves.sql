-- Days in [$since, $until) whose last reading, not their first, was late enough to settle them: did it still change them?
-- The last column counts those that had settled before it: they had stood in history as settled.
WITH superseded AS (
  SELECT {key}, day, spend, impressions, clicks, conversions, conversion_value, settled, superseded_at
  FROM ads.{scope}_metrics_history
  WHERE day >= $since AND day < $until
),
-- Beside a day that its last reading changed, what it had said before. Where there is nothing, that reading was its first,
-- which is left out, or confirmed what stood.
settled_last AS (
  SELECT
    {measured_key}, measured.day, measured.platform, measured.conversions,
    measured.spend <> before.spend OR measured.impressions <> before.impressions OR measured.clicks <> before.clicks
      OR measured.conversions <> before.conversions OR measured.conversion_value <> before.conversion_value AS moved,
    CASE WHEN before.day IS NULL THEN 0 ELSE abs(measured.conversions - before.conversions) END AS conversions_change
  FROM ads.{scope}_metrics AS measured
  LEFT JOIN superseded AS before
    ON before.project_id = measured.project_id AND before.{id_column} = measured.{id_column} AND before.day = measured.day
   AND before.superseded_at = measured.first_observed_at AND before.superseded_at = measured.observed_at
  WHERE measured.day >= $since AND measured.day < $until
    AND measured.observed_at >= ops.after_close(measured.day, ops.hours_to_settle(measured.platform))
    AND (measured.first_observed_at < measured.observed_at OR before.day IS NOT NULL)
)
SELECT
  platform, count(*) AS settled_days, count(*) FILTER (moved) AS moved_days, sum(conversions) AS conversions,
  sum(conversions_change) AS conversions_change,
  count(*) FILTER (moved AND had_settled.day IS NOT NULL) AS moved_after_settling_days
FROM settled_last
LEFT JOIN (SELECT DISTINCT {key}, day FROM superseded WHERE settled) AS had_settled USING ({key}, day)
GROUP BY platform;

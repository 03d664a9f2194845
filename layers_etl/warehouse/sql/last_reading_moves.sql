-- Days of the last eight weeks whose last reading, not their first, was late enough to settle them: did it still change
-- them? The last column counts those that had settled before it: they had stood in history as settled.
WITH recent AS (
  SELECT * FROM ads.{scope}_metrics
  WHERE day >= (SELECT last_day FROM ops.horizon) - 56
    AND observed_at >= ops.after_close(day, ops.hours_to_settle(platform))
),
superseded AS (
  SELECT * FROM ads.{scope}_metrics_history WHERE day >= (SELECT last_day FROM ops.horizon) - 56
),
settled_last AS (
  SELECT {key}, day, platform, conversions, false AS moved, 0 AS conversions_change
  FROM recent
  WHERE first_observed_at < observed_at
  UNION ALL
  -- What the last reading said first, and what it said otherwise.
  SELECT
    {measured_key}, measured.day, measured.platform, measured.conversions,
    measured.spend <> before.spend OR measured.impressions <> before.impressions OR measured.clicks <> before.clicks
      OR measured.conversions <> before.conversions OR measured.conversion_value <> before.conversion_value,
    measured.conversions - before.conversions
  FROM recent AS measured
  JOIN superseded AS before
    ON before.project_id = measured.project_id AND before.{id_column} = measured.{id_column} AND before.day = measured.day
   AND before.superseded_at = measured.observed_at
  WHERE measured.first_observed_at = measured.observed_at
)
SELECT
  platform, count(*), count(*) FILTER (moved), sum(abs(conversions_change))::DOUBLE / nullif(sum(conversions), 0),
  count(*) FILTER (moved AND had_settled.day IS NOT NULL)
FROM settled_last
LEFT JOIN (SELECT DISTINCT {key}, day FROM superseded WHERE settled) AS had_settled USING ({key}, day)
GROUP BY platform
ORDER BY platform;

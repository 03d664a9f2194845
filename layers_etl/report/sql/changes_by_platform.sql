-- One row per platform and currency: what of the days that had been reported $hours before this publication has changed.
WITH since AS (
  SELECT instant - to_hours($hours) AS then FROM ops.publication
),
reported AS (
  SELECT version.*
  FROM ads.campaign_metrics_versions AS version, since
  WHERE version.valid_from <= since.then AND version.valid_to > since.then
    AND ($project::VARCHAR IS NULL OR version.project_id = $project)
)
SELECT
  coalesce(today.platform, reported.platform) AS platform, coalesce(today.currency, reported.currency) AS currency,
  count(*) AS entity_days, count(DISTINCT day) AS days,
  coalesce(sum(today.spend), 0) - coalesce(sum(reported.spend), 0) AS spend_change,
  coalesce(sum(today.conversions), 0) - coalesce(sum(reported.conversions), 0) AS conversions_change
FROM reported
LEFT JOIN (
  FROM ads.campaign_metrics WHERE day >= (SELECT min(day) FROM reported) AND day <= (SELECT max(day) FROM reported)
) AS today USING (project_id, campaign_id, day)
WHERE (today.spend, today.conversions) IS DISTINCT FROM (reported.spend, reported.conversions)
GROUP BY ALL
ORDER BY currency NULLS LAST, platform NULLS LAST;

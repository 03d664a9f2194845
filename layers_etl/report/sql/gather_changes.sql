-- report_changes: one row per campaign and day that had been reported $hours before this publication and says something
-- else now, or nothing.
CREATE OR REPLACE TEMP TABLE report_changes AS
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
  project_id, campaign_id, day, coalesce(today.platform, reported.platform) AS platform,
  coalesce(today.currency, reported.currency) AS currency, reported.spend AS spend_before, today.spend,
  reported.conversions AS conversions_before, today.conversions
FROM reported
LEFT JOIN (
  FROM ads.campaign_metrics WHERE day >= (SELECT min(day) FROM reported) AND day <= (SELECT max(day) FROM reported)
) AS today USING (project_id, campaign_id, day)
WHERE (today.spend, today.conversions) IS DISTINCT FROM (reported.spend, reported.conversions);

-- One row per campaign and day that had been reported $hours before this publication and says something else now; what
-- moved most conversions first. No row: nothing that had been reported has changed.
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
  coalesce(campaign.name, reported.campaign_id) AS name, coalesce(today.platform, reported.platform) AS platform,
  coalesce(today.currency, reported.currency) AS currency, reported.day,
  reported.spend AS spend_before, today.spend, reported.conversions AS conversions_before, today.conversions,
  count(*) OVER () AS changed
FROM reported
LEFT JOIN (
  FROM ads.campaign_metrics WHERE day >= (SELECT min(day) FROM reported) AND day <= (SELECT max(day) FROM reported)
) AS today USING (project_id, campaign_id, day)
LEFT JOIN ads.campaigns AS campaign USING (project_id, campaign_id)
WHERE (today.spend, today.conversions) IS DISTINCT FROM (reported.spend, reported.conversions)
ORDER BY
  abs(coalesce(today.conversions, 0) - coalesce(reported.conversions, 0)) DESC,
  abs(coalesce(today.spend, 0) - coalesce(reported.spend, 0)) DESC, reported.day DESC, project_id, campaign_id
LIMIT $top;

-- One row per scope and platform: of the settled days that runs read again at random, how many had moved.
SELECT
  scope, platform, sum(days) AS entity_days, sum(moved_days) AS moved,
  CASE WHEN sum(moved_days) = 0 THEN 1 - pow(0.05, 1.0 / sum(days)) END AS moves_at_most
FROM ops.audits
GROUP BY ALL
ORDER BY scope, platform NULLS LAST;

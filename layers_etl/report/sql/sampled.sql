-- One row per scope and platform: of the settled days that runs read again at random, how many had moved.
SELECT
  scope, platform, sum(entity_days) AS entity_days, sum(entity_days_that_moved) AS moved,
  CASE WHEN sum(entity_days_that_moved) = 0 THEN 1 - pow(0.05, 1.0 / sum(entity_days)) END AS moves_at_most
FROM marts.late_changes
GROUP BY ALL
ORDER BY scope, platform NULLS LAST;

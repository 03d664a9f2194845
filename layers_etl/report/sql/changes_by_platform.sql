-- report_changes by platform and currency: how many days, and by how much what was reported of them has changed.
SELECT
  platform, currency, count(*) AS entity_days, count(DISTINCT day) AS days,
  coalesce(sum(spend), 0) - coalesce(sum(spend_before), 0) AS spend_change,
  coalesce(sum(conversions), 0) - coalesce(sum(conversions_before), 0) AS conversions_change
FROM report_changes
GROUP BY ALL
ORDER BY currency NULLS LAST, platform NULLS LAST;

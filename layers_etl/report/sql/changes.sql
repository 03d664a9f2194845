-- The $top of report_changes, what moved most conversions first, and how many there are.
SELECT
  coalesce(campaign.name, changed.campaign_id) AS name, changed.platform, changed.currency, changed.day,
  spend_before, spend, conversions_before, conversions, count(*) OVER () AS changed
FROM report_changes AS changed
LEFT JOIN ads.campaigns AS campaign USING (project_id, campaign_id)
ORDER BY
  abs(coalesce(conversions, 0) - coalesce(conversions_before, 0)) DESC,
  abs(coalesce(spend, 0) - coalesce(spend_before, 0)) DESC, changed.day DESC, project_id, campaign_id
LIMIT $top;

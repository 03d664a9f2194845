-- Account days in [$since, $until) whose own numbers are not the sums of the campaigns' days that were spent there.
-- Counts and cents add up exactly, so any difference is one; the conversion value is only known to the rounding of ROAS.
SELECT account.project_id, account.ad_account_id, account.day
FROM ads.ad_account_metrics AS account
LEFT JOIN (
  SELECT project_id, spent_in_account_id AS ad_account_id, day, sum(spend) AS spend, sum(impressions) AS impressions,
    sum(clicks) AS clicks, sum(conversions) AS conversions
  FROM ads.campaign_metrics
  WHERE day >= $since AND day < $until
  GROUP BY ALL
) AS campaigns USING (project_id, ad_account_id, day)
WHERE account.day >= $since AND account.day < $until
  AND (
    coalesce(account.spend, 0) <> coalesce(campaigns.spend, 0)
    OR coalesce(account.impressions, 0) <> coalesce(campaigns.impressions, 0)
    OR coalesce(account.clicks, 0) <> coalesce(campaigns.clicks, 0)
    OR coalesce(account.conversions, 0) <> coalesce(campaigns.conversions, 0)
  )
ORDER BY ALL;

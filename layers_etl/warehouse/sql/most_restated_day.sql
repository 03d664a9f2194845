-- Of the settled campaign days, the one whose spend and conversions moved most between its first and last reading.
WITH first_seen AS (
  SELECT project_id, campaign_id, day, observed_at, spend, conversions
  FROM ads.campaign_metrics_history
  QUALIFY row_number() OVER (PARTITION BY project_id, campaign_id, day ORDER BY observed_at) = 1
)
SELECT
  settled.campaign_name, settled.platform, settled.day, settled.currency,
  first_seen.observed_at AS first_read_at, first_seen.spend AS first_spend, first_seen.conversions AS first_conversions,
  settled.observed_at AS last_read_at, settled.spend, settled.conversions
FROM marts.campaign_daily AS settled
JOIN first_seen USING (project_id, campaign_id, day)
WHERE settled.settled AND ops.hours_after_close(settled.day, first_seen.observed_at) >= 0
ORDER BY abs(settled.conversions - first_seen.conversions) DESC, abs(settled.spend - first_seen.spend) DESC, settled.day
LIMIT 1;

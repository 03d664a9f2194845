-- The days [{first}, {end}) of every campaign, by day then campaign as the pipeline writes them, and of every account.
CREATE OR REPLACE TEMP TABLE numbers AS
SELECT
  campaign.project_id, campaign_id, ad_account_id, day, campaign.name AS campaign_name,
  account.name AS ad_account_name, campaign.platform, currency,
  ((5000 + hash(campaign_id, day) % 200000) / 100)::DECIMAL(18, 2)::DECIMAL(18, 4) AS spend,
  (1000 + hash(day, campaign_id) % 50000)::BIGINT AS impressions, (hash(campaign_id, day, 1) % 900)::BIGINT AS clicks,
  (hash(campaign_id, day, 2) % 40)::BIGINT AS conversions,
  CASE WHEN campaign.platform <> 'apple_ads' THEN (2.3456 * spend)::DECIMAL(18, 4) END AS conversion_value,
  impressions // 2 AS reach, CASE WHEN campaign.platform = 'meta_ads' THEN 2.0 END AS frequency,
  day < DATE '2023-01-02' + {days} - 4 AS settled,
  (day + 1)::TIMESTAMP AT TIME ZONE 'UTC' + INTERVAL 78 HOUR AS observed_at, observed_at AS first_observed_at
FROM (SELECT DATE '2023-01-02' + n::INTEGER AS day FROM range({first}, {end}) AS days (n))
CROSS JOIN ads.campaigns AS campaign
JOIN ads.ad_accounts AS account USING (ad_account_id)
ORDER BY day, campaign.project_id, campaign_id;

INSERT INTO ads.campaign_metrics BY NAME
SELECT * EXCLUDE (campaign_name, ad_account_name) RENAME (ad_account_id AS spent_in_account_id) FROM numbers;

INSERT INTO marts.campaign_daily BY NAME
SELECT
  * EXCLUDE (first_observed_at), marts.cpa(spend, conversions) AS cpa, marts.cpc(spend, clicks) AS cpc,
  marts.cpm(spend, impressions) AS cpm, marts.ctr(clicks, impressions) AS ctr, marts.roas(conversion_value, spend) AS roas
FROM numbers;

CREATE OR REPLACE TEMP TABLE account_numbers AS
SELECT
  project_id, ad_account_id, day, ad_account_name, platform, currency, sum(spend) AS spend,
  sum(impressions) AS impressions, sum(clicks) AS clicks, sum(conversions) AS conversions,
  sum(conversion_value) AS conversion_value, bool_and(settled) AS settled, max(observed_at) AS observed_at
FROM numbers
GROUP BY ALL
ORDER BY day, project_id, ad_account_id;

INSERT INTO ads.ad_account_metrics BY NAME
SELECT * EXCLUDE (ad_account_name), observed_at AS first_observed_at FROM account_numbers;

INSERT INTO marts.ad_account_daily BY NAME SELECT * FROM account_numbers;

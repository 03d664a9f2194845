-- The newest day by platform and currency, ratios recomputed from sums.
SELECT
  day, platform, currency, sum(spend) AS spend, sum(conversions) AS conversions,
  marts.cpa(sum(spend), sum(conversions)) AS cpa,
  marts.roas(sum(conversion_value), sum(spend)) AS roas,
  bool_and(settled) AS settled
FROM marts.ad_account_daily
WHERE day = (SELECT max(day) FROM marts.ad_account_daily)
GROUP BY day, platform, currency
ORDER BY platform, currency;

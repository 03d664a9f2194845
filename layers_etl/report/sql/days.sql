-- One row per platform, currency and day: report_days with its ratios, those that show most days first.
SELECT
  platform, currency, day, settled, spend, expected_spend, spend_low, spend_high,
  conversions, expected_conversions, conversions_low, conversions_high,
  marts.cpa(paid, converted) AS cpa, marts.cpa(expected_spend, expected_conversions) AS expected_cpa,
  marts.roas(conversion_value, spend) AS roas, marts.roas(expected_conversion_value, expected_spend) AS expected_roas
FROM report_days
ORDER BY count(*) OVER (PARTITION BY platform, currency) DESC, currency NULLS LAST, platform NULLS LAST, day;

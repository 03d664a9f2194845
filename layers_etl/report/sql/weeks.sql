-- One row per currency: the last seven closed days beside the seven before, and what the former are expected to end at.
-- Never a sum over currencies. Where a day that may still change has no projection, nothing is expected of the week.
WITH compared AS (
  SELECT
    *, day > (SELECT last_day FROM ops.horizon) - 7 AS is_new,
    coalesce(expected_spend, CASE WHEN settled THEN spend END) AS final_spend,
    coalesce(expected_conversions, CASE WHEN settled THEN conversions END) AS final_conversions,
    coalesce(expected_conversion_value, CASE WHEN settled THEN conversion_value END) AS final_value
  FROM report_days
  WHERE day > (SELECT last_day FROM ops.horizon) - 14
),
summed AS (
  SELECT
    currency, count(*) AS rows_shown,
    count(DISTINCT day) FILTER (is_new AND NOT settled) AS open_days,
    count(DISTINCT day) FILTER (is_new) AS days, count(DISTINCT day) FILTER (NOT is_new) AS days_before,
    sum(spend) FILTER (is_new) AS spend, sum(spend) FILTER (NOT is_new) AS spend_before,
    sum(conversions) FILTER (is_new) AS conversions, sum(conversions) FILTER (NOT is_new) AS conversions_before,
    sum(paid) FILTER (is_new) AS paid, sum(paid) FILTER (NOT is_new) AS paid_before,
    sum(converted) FILTER (is_new) AS converted, sum(converted) FILTER (NOT is_new) AS converted_before,
    sum(conversion_value) FILTER (is_new) AS value, sum(conversion_value) FILTER (NOT is_new) AS value_before,
    count(*) FILTER (is_new AND (spend IS NULL) <> (conversions IS NULL)) = 0 AS both_are_known,
    CASE WHEN count(*) FILTER (is_new AND spend IS NOT NULL AND final_spend IS NULL) = 0
      THEN sum(final_spend) FILTER (is_new) END AS expected_spend,
    CASE WHEN count(*) FILTER (is_new AND conversions IS NOT NULL AND final_conversions IS NULL) = 0
      THEN sum(final_conversions) FILTER (is_new) END AS expected_conversions,
    CASE WHEN count(*) FILTER (is_new AND conversion_value IS NOT NULL AND final_value IS NULL) = 0
      THEN sum(final_value) FILTER (is_new) END AS expected_value
  FROM compared
  GROUP BY currency
)
SELECT
  currency, spend, spend_before, conversions, conversions_before,
  marts.cpa(paid, converted) AS cpa, marts.cpa(paid_before, converted_before) AS cpa_before,
  marts.roas(value, spend) AS roas, marts.roas(value_before, spend_before) AS roas_before,
  open_days, days, days_before, expected_spend, expected_conversions,
  CASE WHEN both_are_known THEN marts.cpa(expected_spend, expected_conversions) END AS expected_cpa,
  marts.roas(expected_value, expected_spend) AS expected_roas
FROM summed
ORDER BY rows_shown DESC, currency NULLS LAST;

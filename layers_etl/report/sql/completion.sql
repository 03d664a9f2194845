-- One row per platform and age of a reading of ad accounts, in days after the close: the share of the settled conversions
-- that was known. Over currencies, for conversions are counts. Of ages at which few days were read a share says nothing.
WITH known AS (
  SELECT
    platform, known_after_hours // 24 AS days_after, sum(known) AS known, sum(settled) AS settled, sum(days) AS days
  FROM marts.restatement_summary
  -- Of what is below them there may be a thousand times as many readings, which tell the same.
  WHERE scope = 'ad_account' AND metric = 'conversions' AND known_after_hours <= 24 * $most_days
  GROUP BY ALL
)
SELECT platform, days_after, known / settled AS share
FROM known
WHERE settled > 0 AND days >= $least_days
ORDER BY platform NULLS LAST, days_after;

-- Days in [$since, $until) on which the {parent}'s own numbers are not the sums of the {children}'s. Counts and cents add up
-- exactly, so any difference is one; the conversion value is only known to the rounding of ROAS.
SELECT parent.project_id, parent.{parent_id} AS parent_id, parent.day
FROM ads.{parent}_metrics AS parent
LEFT JOIN (
  SELECT {key}, day, sum(spend) AS spend, sum(impressions) AS impressions, sum(clicks) AS clicks,
    sum(conversions) AS conversions
  FROM {child_days}
  WHERE day >= $since AND day < $until
  GROUP BY ALL
) AS children USING ({key}, day)
WHERE parent.day >= $since AND parent.day < $until
  AND (
    coalesce(parent.spend, 0) <> coalesce(children.spend, 0)
    OR coalesce(parent.impressions, 0) <> coalesce(children.impressions, 0)
    OR coalesce(parent.clicks, 0) <> coalesce(children.clicks, 0)
    OR coalesce(parent.conversions, 0) <> coalesce(children.conversions, 0)
  )
ORDER BY ALL;

-- Days in [$since, $until) of marts.{view} on which {parent} and {children} can't both be right, as all of both was read.
SELECT project_id, {parent_id} AS parent_id, day
FROM marts.{view}
WHERE day >= $since AND day < $until AND comparable
  AND (
    coalesce(spend_residual, 0) <> 0 OR coalesce(impressions_residual, 0) <> 0 OR coalesce(clicks_residual, 0) <> 0
    OR coalesce(conversions_residual, 0) <> 0
  )
ORDER BY ALL;

-- Weeks in [$since, $until) (Mondays) with impressions whose own reach is to be read: never read, or settled by
-- $instant and not read since; with $again, all that were not read at or after $fresh_since.
WITH active AS (
  SELECT DISTINCT {key}, date_trunc('week', day)::DATE AS week
  FROM {metrics}
  WHERE impressions > 0 AND day >= $since AND day < $until
)
SELECT active.project_id, active.{id_column} AS entity_id, entity.platform, {parent_account} AS ad_account_id, active.week
FROM active
JOIN {entity_table} AS entity USING ({key})
LEFT JOIN ads.{scope}_reach_weekly AS reach USING ({key}, week)
LEFT JOIN ops.settling AS own ON own.platform = entity.platform
LEFT JOIN ops.settling AS other ON other.platform = '*'
WHERE entity.gone_at IS NULL
  AND entity.project_id IN (SELECT unnest($project_ids))
  AND (
    reach.week IS NULL
    OR (NOT reach.settled
        AND $instant::TIMESTAMPTZ >= (active.week + 7)::TIMESTAMPTZ
          + to_hours(coalesce(own.settle_hours, other.settle_hours)))
    OR ($again::BOOLEAN AND ($fresh_since::TIMESTAMPTZ IS NULL OR reach.observed_at < $fresh_since::TIMESTAMPTZ))
  )
ORDER BY ALL;

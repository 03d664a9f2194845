-- Weeks in [$since, $until) (Mondays) with impressions whose own reach is to be read: never read, or settled by
-- $instant and not read since; the latter in one request with the next week of the entity or, where none comes, a week
-- later. With $again, all that were not read at or after $fresh_since. Entities whose weekly reach
-- was refused between $refused_since and $instant are left out. One row per stretch of weeks that follow each other.
-- Looked at are the weeks with a day that was read since $read_since, and those in [$turn_since, $turn_until).
WITH active AS (
  SELECT DISTINCT {key}, date_trunc('week', day)::DATE AS week
  FROM ads.{scope}_metrics
  WHERE impressions > 0 AND day >= $since AND day < $until
    AND (observed_at >= $read_since OR (day >= $turn_since AND day < $turn_until))
),
weeks AS (
  SELECT
    active.project_id, entity.entity_id, entity.platform, entity.ad_account_id, active.week,
    bool_or(reach.week IS NULL) OVER (PARTITION BY active.project_id, entity.entity_id) AS has_new_week,
    ops.hours_to_settle(entity.platform) AS hours_to_settle,
    CASE WHEN reach.week IS NULL THEN 'new' WHEN NOT reach.settled THEN 'settling' ELSE 'settled' END AS state,
    reach.observed_at
  FROM active
  LEFT JOIN ads.{scope}_reach_weekly AS reach USING ({key}, week)
  JOIN ops.entities AS entity
    ON entity.scope = '{scope}' AND entity.project_id = active.project_id AND entity.entity_id = active.{id_column}
  WHERE (reach.week IS NULL OR NOT reach.settled OR $again::BOOLEAN)
    AND entity.gone_at IS NULL
    AND entity.project_id IN (SELECT unnest($project_ids))
    AND NOT EXISTS (
      FROM ops.weekly_reach_refusals AS refusal
      WHERE refusal.scope = entity.scope
        AND refusal.project_id = entity.project_id
        AND refusal.entity_id = entity.entity_id
        AND refusal.refused_at BETWEEN $refused_since::TIMESTAMPTZ AND $instant::TIMESTAMPTZ
    )
),
due AS (
  SELECT * FROM weeks
  WHERE state = 'new'
    OR (state = 'settling'
        AND $instant::TIMESTAMPTZ >= ops.after_close(week + 6, hours_to_settle + if(has_new_week, 0, 24 * 7)))
    OR ($again::BOOLEAN AND ($fresh_since::TIMESTAMPTZ IS NULL OR observed_at < $fresh_since::TIMESTAMPTZ))
)
SELECT
  project_id, entity_id, platform, ad_account_id, min(week) AS since, max(week) + 7 AS until
FROM (
  SELECT
    *, week - 7 * row_number() OVER (PARTITION BY project_id, entity_id ORDER BY week)::INTEGER AS first_of_stretch
  FROM due
)
GROUP BY project_id, entity_id, platform, ad_account_id, first_of_stretch
ORDER BY ALL;

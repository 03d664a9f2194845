-- What a plan needs to know of every entity of one scope in $project_ids: after its key, the fields of KnownEntity.
-- The entities of an archived project are no longer listed with it.
-- The newest active day is looked up only for ended entities: only those can be dormant. And only in the 120 days before
-- the newest that was read of any: whatever was not quiet then has been read until then, and what has none there is quiet.
WITH activity AS (
  SELECT project_id, {id_column} AS entity_id, max(day) AS last_active_day
  FROM ads.{scope}_metrics
  SEMI JOIN (SELECT {key} FROM {entity_table} WHERE {ended}) AS ended USING ({key})
  WHERE day >= (SELECT max(until) FROM ops.coverage WHERE scope = '{scope}') - 120
    AND (spend <> 0 OR impressions <> 0 OR clicks <> 0 OR conversions <> 0 OR conversion_value <> 0)
  GROUP BY ALL
),
spent AS (
  SELECT project_id, {id_column} AS entity_id, sum(spend)::DOUBLE AS recent_spend
  FROM ads.{scope}_metrics
  WHERE day > (SELECT last_day FROM ops.horizon) - 7
  GROUP BY ALL
)
SELECT
  entity.project_id,
  entity.entity_id,
  entity.platform,
  entity.ad_account_id,
  entity.currency,
  {status} AS status,
  entity.gone_at IS NOT NULL AS gone,
  stored.listed AND coalesce(project.listed, true) AS listed,
  coalesce(NOT project.listed, false) AS project_archived,
  activity.last_active_day,
  coalesce(spent.recent_spend, 0) AS recent_spend
FROM {entity_table} AS stored
JOIN ops.entities AS entity
  ON entity.scope = '{scope}' AND entity.project_id = stored.project_id AND entity.entity_id = stored.{id_column}
LEFT JOIN ads.projects AS project ON project.project_id = entity.project_id
LEFT JOIN activity ON activity.project_id = entity.project_id AND activity.entity_id = entity.entity_id
LEFT JOIN spent ON spent.project_id = entity.project_id AND spent.entity_id = entity.entity_id
WHERE entity.project_id IN (SELECT unnest($project_ids))
ORDER BY entity.project_id, entity.ad_account_id, entity.entity_id;

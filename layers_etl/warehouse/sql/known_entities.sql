-- What a plan needs to know of every entity of one scope in $project_ids.
-- The newest active day is looked up only for ended entities: only those can be dormant.
WITH activity AS (
  SELECT project_id, {id_column} AS entity_id, max(day) AS last_active_day
  FROM {metrics}
  SEMI JOIN (SELECT {key} FROM {entity_table} WHERE {ended}) AS ended USING ({key})
  WHERE spend <> 0 OR impressions <> 0 OR clicks <> 0 OR conversions <> 0 OR conversion_value <> 0
  GROUP BY ALL
)
SELECT
  entity.project_id,
  entity.{id_column} AS entity_id,
  {platform} AS platform,
  {parent_account} AS ad_account_id,
  {currency} AS currency,
  {status} AS status,
  entity.gone_at IS NOT NULL AS gone,
  activity.last_active_day
FROM {entity_table} AS entity
{account_join}
LEFT JOIN activity ON activity.project_id = entity.project_id AND activity.entity_id = entity.{id_column}
WHERE entity.project_id IN (SELECT unnest($project_ids))
ORDER BY entity.project_id, ad_account_id, entity_id;

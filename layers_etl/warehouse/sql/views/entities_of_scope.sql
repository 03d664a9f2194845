SELECT
  '{scope}' AS scope, entity.project_id, entity.{id_column} AS entity_id, entity.name,
  {ad_account_id} AS ad_account_id, {campaign_id} AS campaign_id, {adset_id} AS adset_id,
  {account_name} AS ad_account_name, {platform} AS platform, {currency} AS currency, entity.gone_at
FROM {table} AS entity
{joins}

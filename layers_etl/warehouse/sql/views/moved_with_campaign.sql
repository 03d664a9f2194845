-- What lies below a campaign and names no account of its own moves with it.
SELECT '{scope}' AS scope, below.project_id, below.entity_id, above.ad_account_id, above.valid_from
FROM (
{campaigns}
) AS above
JOIN ops.entities AS below
  ON below.scope = '{scope}' AND below.project_id = above.project_id AND below.campaign_id = above.entity_id
ANTI JOIN (SELECT * FROM ads.{scope}_history WHERE ad_account_id IS NOT NULL) AS own
  ON own.project_id = below.project_id AND own.{id_column} = below.entity_id

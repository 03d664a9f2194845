-- A version that ended when it began was never seen alone: the clock had stepped back.
SELECT '{scope}' AS scope, project_id, {id_column} AS entity_id, ad_account_id, valid_from
FROM ads.{scope}_history
SEMI JOIN (
  SELECT {key} FROM ads.{scope}_history GROUP BY ALL HAVING min(ad_account_id) <> max(ad_account_id)
) AS moved USING ({key})
WHERE ad_account_id IS NOT NULL AND (valid_to IS NULL OR valid_to > valid_from)

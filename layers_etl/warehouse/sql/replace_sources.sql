-- ops.sources for the accounts in incoming_sources: all its columns but held_days, which are counted in the ledger.
DELETE FROM ops.sources AS stored
USING incoming_sources AS incoming
WHERE stored.project_id = incoming.project_id AND stored.ad_account_id = incoming.ad_account_id;

INSERT INTO ops.sources BY NAME
WITH held AS (
  SELECT project_id, coalesce(entity.ad_account_id, '') AS ad_account_id, sum(until - since)::BIGINT AS days
  FROM ops.coverage
  JOIN ops.entities AS entity USING (scope, project_id, entity_id)
  WHERE held AND entity.gone_at IS NULL
  GROUP BY ALL
),
doubtful AS (
  SELECT project_id, coalesce(entity.ad_account_id, '') AS ad_account_id, count(*) AS days
  FROM ops.doubtful_days
  JOIN ops.entities AS entity USING (scope, project_id, entity_id)
  WHERE kind <> 'unbelievable'
  GROUP BY ALL
)
SELECT incoming.*, greatest(coalesce(held.days, 0) - coalesce(doubtful.days, 0), 0) AS held_days
FROM incoming_sources AS incoming
LEFT JOIN held USING (project_id, ad_account_id)
LEFT JOIN doubtful USING (project_id, ad_account_id);

-- The daily marts show an entity's name, its account's, and its place: also of what is below the listed scope.
-- What has moved shows the names of its former accounts too.
INSERT INTO ops.changed_days BY NAME
WITH changed AS (
  SELECT * EXCLUDE (platform, currency, gone_at) FROM ops.entities WHERE project_id IN (SELECT unnest($project_ids))
  EXCEPT
  SELECT * EXCLUDE (platform, currency, gone_at) FROM entities_before
)
SELECT scope, project_id, entity_id, '0001-01-01' AS since, '9999-12-31' AS until,
  (SELECT revision + 1 FROM ops.revision) AS revision
FROM (
  SELECT scope, project_id, entity_id FROM changed
  UNION
  SELECT moved.scope, project_id, moved.entity_id
  FROM changed
  JOIN ops.moved_entities AS moved USING (project_id, ad_account_id)
  WHERE changed.scope = 'ad_account'
)
SEMI JOIN entities_before USING (scope, project_id, entity_id);

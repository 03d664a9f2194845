SELECT scope, project_id, entity_id, day, counts_as
FROM (
  SELECT id.scope, id.project_id, id.entity_id, measured.day, id.counts_as, id.preference
  FROM ads.{scope}_metrics AS measured
  JOIN ops.duplicate_ids AS id
    ON id.scope = '{scope}' AND id.project_id = measured.project_id AND id.entity_id = measured.{id_column}
)
QUALIFY preference > min(preference) OVER (PARTITION BY project_id, counts_as, day)

-- The platform of weeks that landed before it was known.
UPDATE ads.{scope}_reach_weekly AS measured
SET platform = entity.platform
FROM ops.entities AS entity
WHERE measured.platform IS NULL AND entity.platform IS NOT NULL
  AND entity.scope = '{scope}' AND entity.project_id = measured.project_id AND entity.entity_id = measured.{id_column};

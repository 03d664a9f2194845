-- The platform of weeks that landed before it was known.
UPDATE ads.{scope}_reach_weekly AS measured
SET platform = entity.platform
FROM ops.entities AS entity
WHERE measured.platform IS NULL AND entity.platform IS NOT NULL AND {entity_is_measured};

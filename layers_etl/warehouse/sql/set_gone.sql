UPDATE {entity_table} AS entity
SET gone_at = $gone_at
FROM (SELECT unnest($project_ids) AS project_id, unnest($entity_ids) AS entity_id) AS named
WHERE entity.project_id = named.project_id AND entity.{id_column} = named.entity_id;

UPDATE {entity_table}
SET gone_at = $gone_at
WHERE project_id = $project_id AND {id_column} = $entity_id;

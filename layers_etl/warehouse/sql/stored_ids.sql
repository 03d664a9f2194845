-- The ids that the entities of one scope in $project_ids are stored under.
SELECT project_id, {id_column} AS entity_id
FROM {entity_table}
WHERE project_id IN (SELECT unnest($project_ids));

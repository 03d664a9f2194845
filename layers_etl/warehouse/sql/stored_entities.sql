-- What is stored of the entities of one scope that $project_ids and $entity_ids name, pair by pair.
SELECT stored.*
FROM {entity_table} AS stored
SEMI JOIN (SELECT unnest($project_ids) AS project_id, unnest($entity_ids) AS entity_id) AS named
  ON named.project_id = stored.project_id AND named.entity_id = stored.{id_column};

-- A daily mart that was just made is to be derived for every day of every entity.
INSERT INTO ops.changed_days BY NAME
SELECT '{scope}' AS scope, project_id, {id_column} AS entity_id, '0001-01-01' AS since, '9999-12-31' AS until,
  (SELECT revision + 1 FROM ops.revision) AS revision
FROM {entity_table};

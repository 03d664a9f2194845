-- A daily mart that was just made is to be derived for every day of every entity.
INSERT INTO ops.stale_marts BY NAME
SELECT '{scope}' AS scope, project_id, {id_column} AS entity_id, '0001-01-01' AS since, '9999-12-31' AS until
FROM {entity_table};

-- A daily mart that was just made is to be derived for every day of every entity.
INSERT INTO ops.stale_marts
SELECT '{scope}', project_id, {id_column}, '0001-01-01', '9999-12-31' FROM {entity_table};

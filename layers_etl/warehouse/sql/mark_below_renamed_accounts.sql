-- The daily marts below an account show its name: all days of the entities of renamed accounts (renamed_entities).
INSERT INTO ops.stale_marts
SELECT '{scope}', project_id, {id_column}, '0001-01-01', '9999-12-31'
FROM {entity_table}
SEMI JOIN renamed_entities USING (project_id, ad_account_id);

-- The whole ledger of the entities in incoming_coverage.
DELETE FROM ops.coverage AS stored
USING (SELECT DISTINCT scope, project_id, entity_id FROM incoming_coverage) AS incoming
WHERE stored.scope = incoming.scope
  AND stored.project_id = incoming.project_id
  AND stored.entity_id = incoming.entity_id;

INSERT INTO ops.coverage BY NAME SELECT * FROM incoming_coverage;

-- Remembers incoming_refusals (scope, project_id, entity_id, code, message) as of $refused_at, in place of older ones.
DELETE FROM ops.weekly_reach_refusals AS stored
USING incoming_refusals AS incoming
WHERE stored.scope = incoming.scope
  AND stored.project_id = incoming.project_id
  AND stored.entity_id = incoming.entity_id;

INSERT INTO ops.weekly_reach_refusals BY NAME
SELECT *, $refused_at::TIMESTAMPTZ AS refused_at FROM incoming_refusals;

-- The newest $kept states that were published, and what changed since the oldest of them.
DELETE FROM ops.published_states WHERE state_id = (SELECT state_id FROM ops.revision);

INSERT INTO ops.published_states BY NAME SELECT state_id, revision FROM ops.revision;

DELETE FROM ops.published_states
WHERE revision NOT IN (SELECT revision FROM ops.published_states ORDER BY revision DESC LIMIT $kept);

DELETE FROM ops.changed_days AS changed
WHERE changed.revision <= (SELECT min(revision) FROM ops.published_states)
  AND changed.revision <= (SELECT revision FROM ops.derived_marts AS derived WHERE derived.scope = changed.scope);

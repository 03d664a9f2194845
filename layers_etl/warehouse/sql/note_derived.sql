-- What was published before it was derived is noted once more: in that publication the mart was as it had been.
INSERT INTO ops.changed_days BY NAME
SELECT DISTINCT scope, project_id, entity_id, since, until, (SELECT revision + 1 FROM ops.revision) AS revision
FROM ops.changed_days
WHERE scope = '{scope}'
  AND revision > (SELECT coalesce(max(revision), 0) FROM ops.derived_marts WHERE scope = '{scope}')
  AND revision <= (SELECT max(revision) FROM ops.published_states);

-- In step with all that was noted up to and within this transaction.
DELETE FROM ops.derived_marts WHERE scope = '{scope}';

INSERT INTO ops.derived_marts BY NAME
SELECT '{scope}' AS scope, revision + 1 AS revision FROM ops.revision;

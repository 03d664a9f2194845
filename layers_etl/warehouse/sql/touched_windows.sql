-- The days of one scope that have changed since anything was published last.
CREATE OR REPLACE TEMP TABLE touched AS
SELECT DISTINCT project_id, entity_id, since, until
FROM ops.changed_days
WHERE scope = '{scope}' AND revision > (SELECT coalesce(max(revision), 0) FROM ops.published_states);

-- What ops.changed_days has of one scope since its daily mart was derived last: exactly these days are derived anew.
-- A window may be named twice (landed and renamed).
CREATE OR REPLACE TEMP TABLE stale AS
SELECT DISTINCT project_id, entity_id, since, until
FROM ops.changed_days
WHERE scope = '{scope}'
  AND revision > (SELECT coalesce(max(revision), 0) FROM ops.derived_marts WHERE scope = '{scope}');

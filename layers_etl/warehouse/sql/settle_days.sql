-- The settled column of one scope follows its ledger, for the windows in incoming_changes (project_id, entity_id, since,
-- until, settled); the marts of exactly the days that this changes are derived anew.
CREATE OR REPLACE TEMP TABLE resettled AS
SELECT {measured_key}, measured.day, changes.settled AS is_settled
FROM ads.{scope}_metrics AS measured
JOIN incoming_changes AS changes
  ON measured.project_id = changes.project_id AND measured.{id_column} = changes.entity_id
 AND measured.day >= changes.since AND measured.day < changes.until
WHERE measured.settled <> changes.settled
  AND measured.day >= (SELECT min(since) FROM incoming_changes)
  AND measured.day < (SELECT max(until) FROM incoming_changes);

UPDATE ads.{scope}_metrics AS measured
SET settled = resettled.is_settled
FROM resettled
WHERE measured.project_id = resettled.project_id AND measured.{id_column} = resettled.{id_column}
  AND measured.day = resettled.day;

INSERT INTO ops.changed_days BY NAME
SELECT '{scope}' AS scope, project_id, {id_column} AS entity_id, day AS since, day + 1 AS until,
  (SELECT revision + 1 FROM ops.revision) AS revision
FROM resettled;

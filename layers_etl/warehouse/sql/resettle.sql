-- The settled column after ops.settling or the ledger changed; the marts of exactly the days it changes are derived anew.
CREATE OR REPLACE TEMP TABLE resettled AS
SELECT
  {measured_key}, measured.day,
  measured.observed_at >= ops.after_close(measured.day, ops.hours_to_settle(measured.platform))
    AND held.since IS NULL AS is_settled
FROM ads.{scope}_metrics AS measured
LEFT JOIN ops.coverage AS held
  ON held.held AND held.scope = '{scope}'
 AND held.project_id = measured.project_id AND held.entity_id = measured.{id_column}
 AND measured.day >= held.since AND measured.day < held.until
WHERE is_settled <> measured.settled;

UPDATE ads.{scope}_metrics AS measured
SET settled = resettled.is_settled
FROM resettled
WHERE measured.project_id = resettled.project_id AND measured.{id_column} = resettled.{id_column}
  AND measured.day = resettled.day;

INSERT INTO ops.changed_days BY NAME
SELECT '{scope}' AS scope, project_id, {id_column} AS entity_id, day AS since, day + 1 AS until,
  (SELECT revision + 1 FROM ops.revision) AS revision
FROM resettled;

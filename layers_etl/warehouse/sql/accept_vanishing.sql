-- The days of one scope in witnessed_days (scope, project_id, entity_id, day) are gone upstream: into history with them.
CREATE OR REPLACE TEMP TABLE vanished_days AS
SELECT stored.*, doubtful.last_seen_at AS superseded_at
FROM ads.{scope}_metrics AS stored
JOIN witnessed_days AS witnessed
  ON witnessed.scope = '{scope}' AND witnessed.project_id = stored.project_id
 AND witnessed.entity_id = stored.{id_column} AND witnessed.day = stored.day
JOIN ops.doubtful_days AS doubtful
  ON doubtful.scope = '{scope}' AND doubtful.kind = 'vanished' AND doubtful.project_id = stored.project_id
 AND doubtful.entity_id = stored.{id_column} AND doubtful.day = stored.day;

INSERT INTO ads.{scope}_metrics_history BY NAME
SELECT
  {key}, day, platform, currency, {measures}, settled,
  first_observed_at AS observed_at, observed_at AS last_observed_at, greatest(superseded_at, observed_at) AS superseded_at
FROM vanished_days;

DELETE FROM ads.{scope}_metrics AS stored
USING vanished_days AS vanished
WHERE stored.project_id = vanished.project_id AND stored.{id_column} = vanished.{id_column} AND stored.day = vanished.day;

DELETE FROM ops.doubtful_days AS stored
USING witnessed_days AS witnessed
WHERE stored.scope = '{scope}' AND witnessed.scope = '{scope}' AND stored.kind = 'vanished'
  AND stored.project_id = witnessed.project_id AND stored.entity_id = witnessed.entity_id AND stored.day = witnessed.day;

INSERT INTO ops.changed_days BY NAME
SELECT '{scope}' AS scope, project_id, {id_column} AS entity_id, day AS since, day + 1 AS until,
  (SELECT revision + 1 FROM ops.revision) AS revision
FROM vanished_days;

-- One transaction lands a batch of readings of one scope.
-- incoming_windows: one row per answer (window_id, project_id, entity_id, since, until, read_at, platform, currency,
--   settle_hours, request_id, served); incoming_buckets: its rows (window_id, day, measures).
-- A complete answer replaces (rule 3): the days of the window that it no longer holds go, into history. Days that the API
-- does not serve at all are read and say nothing: what is known of them stands.

CREATE OR REPLACE TEMP TABLE standing_rows AS
-- The ledger knows a settled day's reading to the hour: never before what was seen, should a clock step back.
SELECT stored.*, greatest(incoming_windows.read_at, stored.observed_at) AS superseded_at
FROM {metrics} AS stored
JOIN incoming_windows
  ON stored.project_id = incoming_windows.project_id
 AND stored.{id_column} = incoming_windows.entity_id
 AND stored.day >= incoming_windows.since
 AND stored.day < incoming_windows.until
 AND incoming_windows.served
WHERE stored.day >= (SELECT min(since) FROM incoming_windows)
  AND stored.day < (SELECT max(until) FROM incoming_windows);

CREATE OR REPLACE TEMP TABLE landing_rows AS
WITH incoming AS (
  SELECT
    project_id, {entity_id_as_key}day, platform, currency, {measures},
    read_at >= (day + 1)::TIMESTAMPTZ + to_hours(settle_hours) AS settled,
    read_at AS observed_at
  FROM incoming_buckets
  JOIN incoming_windows USING (window_id)
)
SELECT
  incoming.* REPLACE (greatest(incoming.observed_at, standing.observed_at) AS observed_at),
  standing.day IS NOT NULL AND NOT ({measures_differ}) AS unchanged,
  CASE WHEN unchanged THEN standing.first_observed_at ELSE greatest(incoming.observed_at, standing.observed_at) END
    AS first_observed_at
FROM incoming
LEFT JOIN standing_rows AS standing USING ({key}, day);

INSERT INTO {metrics_history} BY NAME
SELECT
  {key}, day, platform, currency, {measures}, settled,
  first_observed_at AS observed_at, observed_at AS last_observed_at, superseded_at
FROM standing_rows
ANTI JOIN (SELECT * FROM landing_rows WHERE unchanged) AS confirmed USING ({key}, day)
ORDER BY day, {key};

DELETE FROM {metrics} AS stored
USING standing_rows
WHERE stored.project_id = standing_rows.project_id
  AND stored.{id_column} = standing_rows.{id_column}
  AND stored.day = standing_rows.day
  AND stored.day >= (SELECT min(since) FROM incoming_windows)
  AND stored.day < (SELECT max(until) FROM incoming_windows);

INSERT INTO {metrics} BY NAME
SELECT * EXCLUDE (unchanged) FROM landing_rows ORDER BY day, {key};

INSERT INTO ops.readings BY NAME
SELECT '{scope}' AS scope, project_id, entity_id, since, until, read_at, $run_id AS run_id, request_id
FROM incoming_windows;

INSERT INTO ops.stale_marts BY NAME
SELECT '{scope}' AS scope, project_id, entity_id, since, until FROM incoming_windows;

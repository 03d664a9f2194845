-- The settled column after ops.settling changed; the marts of exactly the days it changes are derived anew.
CREATE OR REPLACE TEMP TABLE resettled AS
SELECT
  {measured_key}, measured.day,
  measured.observed_at >= (measured.day + 1)::TIMESTAMPTZ + to_hours(settling.settle_hours) AS is_settled
FROM {metrics} AS measured
JOIN ops.settling AS settling
  ON settling.platform = coalesce(
    (SELECT own.platform FROM ops.settling AS own WHERE own.platform = coalesce(measured.platform, '')), '*')
WHERE is_settled <> measured.settled;

UPDATE {metrics} AS measured
SET settled = resettled.is_settled
FROM resettled
WHERE {measured_is_resettled} AND measured.day = resettled.day;

INSERT INTO ops.stale_marts
SELECT '{scope}', project_id, {id_column}, day, day + 1 FROM resettled;

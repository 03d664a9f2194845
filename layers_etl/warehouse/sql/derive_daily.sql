-- marts.<scope>_daily for the windows in ops.stale_marts: exactly the days that changed, and no others.
-- A window may be named twice (landed and renamed), hence the semi join.

CREATE OR REPLACE TEMP TABLE stale AS
SELECT DISTINCT project_id, entity_id, since, until FROM ops.stale_marts WHERE scope = '{scope}';

DELETE FROM {mart} AS derived
WHERE derived.day >= (SELECT min(since) FROM stale)
  AND derived.day < (SELECT max(until) FROM stale)
  AND EXISTS (
    SELECT 1 FROM stale
    WHERE stale.project_id = derived.project_id AND stale.entity_id = derived.{id_column}
      AND derived.day >= stale.since AND derived.day < stale.until
  );

INSERT INTO {mart} BY NAME
SELECT
  {measured_key}, measured.day,
  entity.name AS {name_column}, {parents}{account_name}
  measured.platform, measured.currency, {measures}, {ratios},
  measured.settled, measured.observed_at
FROM {metrics} AS measured
LEFT JOIN {entity_table} AS entity ON {entity_is_measured}
{account_join}
WHERE measured.day >= (SELECT min(since) FROM stale)
  AND measured.day < (SELECT max(until) FROM stale)
  AND EXISTS (
    SELECT 1 FROM stale
    WHERE stale.project_id = measured.project_id AND stale.entity_id = measured.{id_column}
      AND measured.day >= stale.since AND measured.day < stale.until
  )
ORDER BY measured.day, {measured_key};

DELETE FROM ops.stale_marts WHERE scope = '{scope}';

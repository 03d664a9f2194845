-- The projections in projected_values (one row per day and metric) into the mart, in the transaction that derives it.
CREATE OR REPLACE TEMP TABLE projections AS
SELECT
  project_id, entity_id, day,
  {pivoted}
FROM projected_values
GROUP BY ALL;

-- Days that were not derived anew (stale_windows.sql) show others where what projections are learned from
-- changed. The mart is in step with that already.
INSERT INTO ops.changed_days BY NAME
SELECT
  '{scope}' AS scope, mart.project_id, mart.{id_column} AS entity_id, mart.day AS since, mart.day + 1 AS until,
  (SELECT revision + 1 FROM ops.revision) AS revision
FROM {mart} AS mart
JOIN projections AS projected
  ON mart.project_id = projected.project_id AND mart.{id_column} = projected.entity_id AND mart.day = projected.day
WHERE ({projections_differ})
  AND NOT EXISTS (
    SELECT 1 FROM stale
    WHERE stale.project_id = mart.project_id AND stale.entity_id = mart.{id_column}
      AND mart.day >= stale.since AND mart.day < stale.until
  );

UPDATE {mart} AS mart
SET
  {assignments}
FROM projections AS projected
WHERE mart.project_id = projected.project_id AND mart.{id_column} = projected.entity_id AND mart.day = projected.day;

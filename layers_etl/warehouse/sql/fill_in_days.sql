-- What was not known of an entity's days when they landed, and is by now: their platform and currency.
-- No number is restated by that, so nothing goes into history.
CREATE OR REPLACE TEMP TABLE filled_days AS
SELECT {measured_key}, measured.day, entity.platform, entity.currency
FROM {metrics} AS measured
JOIN ops.entities AS entity ON {entity_is_measured}
WHERE (measured.platform IS NULL AND entity.platform IS NOT NULL)
  OR (measured.currency IS NULL AND entity.currency IS NOT NULL);

UPDATE {metrics} AS measured
SET platform = coalesce(measured.platform, filled.platform), currency = coalesce(measured.currency, filled.currency)
FROM filled_days AS filled
WHERE {measured_is_filled} AND measured.day = filled.day;

INSERT INTO ops.stale_marts BY NAME
SELECT '{scope}' AS scope, project_id, {id_column} AS entity_id, min(day) AS since, max(day) + 1 AS until
FROM filled_days
GROUP BY ALL;

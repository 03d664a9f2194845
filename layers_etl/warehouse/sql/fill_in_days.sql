-- What was not known of an entity's days when they landed, and is by now: their account, platform and currency.
-- No number is restated by that, so nothing goes into history.
CREATE OR REPLACE TEMP TABLE filled_days AS
SELECT
  {measured_key}, measured.day, entity.platform AS known_platform,
  CASE WHEN moved.since IS NULL THEN entity.currency ELSE moved.currency END AS known_currency,
  coalesce(moved.ad_account_id, entity.ad_account_id) AS spent_in
FROM (SELECT * FROM ads.{scope}_metrics WHERE platform IS NULL OR currency IS NULL{or_account_is_unknown}) AS measured
JOIN ops.entities AS entity
  ON entity.scope = '{scope}' AND entity.project_id = measured.project_id AND entity.entity_id = measured.{id_column}
LEFT JOIN ops.moved_entities AS moved
  ON moved.scope = '{scope}' AND moved.project_id = measured.project_id AND moved.entity_id = measured.{id_column}
 AND measured.day >= moved.since AND measured.day < moved.until
WHERE (measured.platform IS NULL AND known_platform IS NOT NULL)
  OR (measured.currency IS NULL AND known_currency IS NOT NULL){or_account_is_known_now};

UPDATE ads.{scope}_metrics AS measured
SET {filled_account}
  platform = coalesce(measured.platform, filled.known_platform),
  currency = coalesce(measured.currency, filled.known_currency)
FROM filled_days AS filled
WHERE measured.project_id = filled.project_id AND measured.{id_column} = filled.{id_column} AND measured.day = filled.day;

INSERT INTO ops.changed_days BY NAME
SELECT '{scope}' AS scope, project_id, {id_column} AS entity_id, min(day) AS since, max(day) + 1 AS until,
  (SELECT revision + 1 FROM ops.revision) AS revision
FROM filled_days
GROUP BY ALL;

-- One row with an impression, seen at $instant, for each entity and week that asked_windows touch.
INSERT INTO ads.{scope}_metrics BY NAME
SELECT
  project_id,
  {entity_id_as_key}week AS day,
  1 AS impressions,
  false AS settled,
  $instant AS first_observed_at,
  $instant AS observed_at
FROM (
  SELECT DISTINCT
    project_id, entity_id, unnest(range(date_trunc('week', since)::DATE, until, INTERVAL 7 DAYS))::DATE AS week
  FROM asked_windows
);

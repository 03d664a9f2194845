-- The entity-days of {windows} within [$since, $until), each once, as {days}: rows are found by equality alone.
CREATE OR REPLACE TEMP TABLE {days} AS
SELECT DISTINCT
  project_id, entity_id,
  unnest(generate_series(greatest(since, $since::DATE), least(until, $until::DATE) - 1, INTERVAL 1 DAY))::DATE AS day
FROM {windows}
WHERE since < $until::DATE AND until > $since::DATE;

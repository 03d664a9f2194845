-- Days of a batch whose answer is not taken as it is (incoming_windows, incoming_buckets: see upsert_readings.sql).
-- vanished: activity that was known has no bucket, or only zeros. Not in a backfill: an operator accepts it by that.
-- incomplete: a primitive is unknown that the entity's other days know; a known one of that day stays instead. Or the
-- conversion value is, which was known of that very day and its conversions: it stays, beside what is new of the others.
-- So it does where it was not asked for, having been refused.
CREATE OR REPLACE TEMP TABLE incoming_days AS
SELECT
  project_id, entity_id, day, spend, impressions, clicks, conversions, conversion_value, has_conversion_value,
  coalesce(spend, 0) > 0 OR coalesce(impressions, 0) > 0 OR coalesce(clicks, 0) > 0 OR coalesce(conversions, 0) > 0
    AS is_active
FROM incoming_buckets
JOIN incoming_windows USING (window_id);

CREATE OR REPLACE TEMP TABLE known_days AS
SELECT
  incoming_windows.entity_id, stored.*,
  -- The ledger knows a settled day's reading to the hour: never before what was seen, should a clock step back.
  greatest(incoming_windows.read_at, stored.observed_at) AS superseded_at,
  accepts_vanishing, list_contains(unread_days, stored.day) AS was_not_read
FROM ads.{scope}_metrics AS stored
JOIN incoming_windows
  ON stored.project_id = incoming_windows.project_id
 AND stored.{id_column} = incoming_windows.entity_id
 AND stored.day >= incoming_windows.since
 AND stored.day < incoming_windows.until
 AND incoming_windows.served
WHERE stored.day >= (SELECT min(since) FROM incoming_windows)
  AND stored.day < (SELECT max(until) FROM incoming_windows);

CREATE OR REPLACE TEMP TABLE gaps AS
SELECT * FROM incoming_days
WHERE spend IS NULL OR impressions IS NULL OR clicks IS NULL OR conversions IS NULL;

-- What is known of these entities anywhere: a platform that never reports a number leaves no doubt by that.
CREATE OR REPLACE TEMP TABLE reported AS
SELECT
  project_id, entity_id, count(spend) > 0 AS spend, count(impressions) > 0 AS impressions, count(clicks) > 0 AS clicks,
  count(conversions) > 0 AS conversions
FROM (
  SELECT project_id, entity_id, spend, impressions, clicks, conversions FROM incoming_days
  SEMI JOIN gaps USING (project_id, entity_id)
  UNION ALL
  SELECT project_id, {id_column}, spend, impressions, clicks, conversions FROM ads.{scope}_metrics
  WHERE (project_id, {id_column}) IN (SELECT (project_id, entity_id) FROM gaps)
)
GROUP BY ALL;

CREATE OR REPLACE TEMP TABLE doubts AS
SELECT project_id, entity_id, day, 'vanished' AS kind, true AS stands,
  'known activity is gone: ' || CASE WHEN came.day IS NULL THEN 'no bucket' ELSE 'nothing but zeros' END AS reason
FROM known_days AS known
LEFT JOIN incoming_days AS came USING (project_id, entity_id, day)
WHERE NOT known.accepts_vanishing AND NOT known.was_not_read
  AND (
    coalesce(known.spend, 0) > 0 OR coalesce(known.impressions, 0) > 0 OR coalesce(known.clicks, 0) > 0
    OR coalesce(known.conversions, 0) > 0
  )
  AND (
    came.day IS NULL
    OR (came.spend = 0 AND came.impressions = 0 AND came.clicks = 0 AND came.conversions = 0)
  )
UNION ALL
SELECT project_id, entity_id, day, 'incomplete',
  coalesce(
    NOT known.accepts_vanishing
    AND (
      (gaps.spend IS NULL AND known.spend IS NOT NULL) OR (gaps.impressions IS NULL AND known.impressions IS NOT NULL)
      OR (gaps.clicks IS NULL AND known.clicks IS NOT NULL)
      OR (gaps.conversions IS NULL AND known.conversions IS NOT NULL)
    ),
    false
  ),
  concat_ws(
    ', ',
    CASE WHEN gaps.spend IS NULL AND reported.spend THEN 'spend' END,
    CASE WHEN gaps.impressions IS NULL AND reported.impressions THEN 'impressions' END,
    CASE WHEN gaps.clicks IS NULL AND reported.clicks THEN 'clicks' END,
    CASE WHEN gaps.conversions IS NULL AND reported.conversions THEN 'conversions' END
  ) || ': unknown, as on no other day'
FROM gaps
JOIN reported USING (project_id, entity_id)
LEFT JOIN known_days AS known USING (project_id, entity_id, day)
WHERE (gaps.spend IS NULL AND reported.spend) OR (gaps.impressions IS NULL AND reported.impressions)
  OR (gaps.clicks IS NULL AND reported.clicks) OR (gaps.conversions IS NULL AND reported.conversions);

-- Not asked for, a value is as good as what it belongs to: that must stand, as it did when the value came. An operator
-- takes away one that is asked for, or that was in doubt before.
CREATE OR REPLACE TEMP TABLE lost_values AS
SELECT
  project_id, entity_id, day,
  known.accepts_vanishing AND (came.has_conversion_value OR doubted.day IS NOT NULL) AS taken_away
FROM incoming_days AS came
JOIN known_days AS known USING (project_id, entity_id, day)
LEFT JOIN (
  SELECT DISTINCT project_id, entity_id, day FROM ops.doubtful_days WHERE scope = '{scope}' AND kind = 'incomplete'
) AS doubted USING (project_id, entity_id, day)
ANTI JOIN doubts USING (project_id, entity_id, day)
WHERE known.conversion_value IS NOT NULL
  AND CASE
    WHEN came.has_conversion_value THEN came.conversion_value IS NULL AND came.conversions > 0
    ELSE doubted.day IS NOT NULL OR came.spend <> known.spend OR came.conversions <> known.conversions
  END;

INSERT INTO doubts
SELECT project_id, entity_id, day, 'incomplete', false, 'roas: unknown, and known before'
FROM lost_values
WHERE NOT taken_away;

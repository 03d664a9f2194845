-- One transaction lands weekly answers of one scope: incoming_windows and incoming_buckets as for daily readings, with
-- the Monday as day. A week of the window without a bucket was read too: its reach is null. A week that the API does not
-- serve at all is read and says nothing: what is known of it stands. A week does not settle while a day of it is held.

CREATE OR REPLACE TEMP TABLE landing_weeks AS
WITH weeks AS (
  SELECT *, unnest(generate_series(since, until - 1, INTERVAL 7 DAY))::DATE AS week FROM incoming_windows
),
incoming AS (
  SELECT
    weeks.project_id, {entity_id_as_key}week, weeks.platform, settle_hours, served, read_at, bucket.reach, bucket.frequency
  FROM weeks
  LEFT JOIN incoming_buckets AS bucket ON bucket.window_id = weeks.window_id AND bucket.day = weeks.week
)
SELECT
  {key}, week, incoming.platform,
  CASE WHEN served THEN incoming.reach ELSE standing.reach END AS reach,
  CASE WHEN served THEN incoming.frequency ELSE standing.frequency END AS frequency,
  -- Never before what was seen, should a clock step back.
  greatest(read_at, standing.observed_at) AS seen_at,
  seen_at >= ops.after_close(week + 6, settle_hours)
    AND NOT EXISTS (
      SELECT 1 FROM ops.coverage AS held
      WHERE held.held AND held.scope = '{scope}' AND held.project_id = incoming.project_id
        AND held.entity_id = incoming.{id_column} AND held.since < incoming.week + 7 AND held.until > incoming.week
    ) AS settled,
  standing.week IS NOT NULL AND (
    NOT served OR (
      standing.reach IS NOT DISTINCT FROM incoming.reach AND standing.frequency IS NOT DISTINCT FROM incoming.frequency
    )
  ) AS unchanged,
  CASE WHEN unchanged THEN standing.first_observed_at ELSE seen_at END AS first_observed_at
FROM incoming
LEFT JOIN ads.{scope}_reach_weekly AS standing USING ({key}, week);

INSERT INTO ads.{scope}_reach_weekly_history BY NAME
SELECT
  {key}, week, standing.platform, standing.reach, standing.frequency, standing.settled,
  standing.first_observed_at AS observed_at, standing.observed_at AS last_observed_at,
  landing.seen_at AS superseded_at
FROM ads.{scope}_reach_weekly AS standing
JOIN landing_weeks AS landing USING ({key}, week)
WHERE NOT landing.unchanged;

DELETE FROM ads.{scope}_reach_weekly AS standing
USING landing_weeks AS landing
WHERE standing.project_id = landing.project_id
  AND standing.{id_column} = landing.{id_column}
  AND standing.week = landing.week;

INSERT INTO ads.{scope}_reach_weekly BY NAME
SELECT * EXCLUDE (unchanged) RENAME (seen_at AS observed_at) FROM landing_weeks ORDER BY week, {key};

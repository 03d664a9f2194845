-- One transaction lands weekly answers of one scope: incoming_windows and incoming_buckets as for daily readings, with
-- the Monday as day. A week of the window without a bucket was read too: its reach is null.

CREATE OR REPLACE TEMP TABLE incoming_weeks AS
WITH weeks AS (
  SELECT *, unnest(generate_series(since, until - 1, INTERVAL 7 DAY))::DATE AS week FROM incoming_windows
)
SELECT
  weeks.project_id, {entity_id_as_key}weeks.week, weeks.platform, bucket.reach, bucket.frequency,
  weeks.read_at >= (weeks.week + 7)::TIMESTAMPTZ + to_hours(weeks.settle_hours) AS settled,
  weeks.read_at AS observed_at
FROM weeks
LEFT JOIN incoming_buckets AS bucket ON bucket.window_id = weeks.window_id AND bucket.day = weeks.week;

CREATE OR REPLACE TEMP TABLE landing_weeks AS
SELECT
  incoming.*,
  standing.week IS NOT NULL AND standing.reach IS NOT DISTINCT FROM incoming.reach
    AND standing.frequency IS NOT DISTINCT FROM incoming.frequency AS unchanged,
  CASE WHEN unchanged THEN standing.first_observed_at ELSE incoming.observed_at END AS first_observed_at
FROM incoming_weeks AS incoming
LEFT JOIN ads.{scope}_reach_weekly AS standing USING ({key}, week);

INSERT INTO ads.{scope}_reach_weekly_history BY NAME
SELECT
  {key}, week, standing.platform, standing.reach, standing.frequency, standing.settled,
  standing.first_observed_at AS observed_at, standing.observed_at AS last_observed_at,
  landing.observed_at AS superseded_at
FROM ads.{scope}_reach_weekly AS standing
JOIN landing_weeks AS landing USING ({key}, week)
WHERE NOT landing.unchanged;

DELETE FROM ads.{scope}_reach_weekly AS standing
USING landing_weeks AS landing
WHERE standing.project_id = landing.project_id
  AND standing.{id_column} = landing.{id_column}
  AND standing.week = landing.week;

INSERT INTO ads.{scope}_reach_weekly BY NAME
SELECT * EXCLUDE (unchanged) FROM landing_weeks ORDER BY week, {key};

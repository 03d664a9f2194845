-- What a run every morning at seven would have left of the days in [oldest, base) of the table bounds: four readings of
-- each day, of which the last, seven hours after three days, settles it. The arithmetic is that of peers/world.py.
CREATE TEMP TABLE shares AS
SELECT * FROM (VALUES (0, 900), (1, 960), (2, 990), (3, 1000)) AS of_reading(reading, share);

CREATE TEMP MACRO read_on(of_day, reading) AS (of_day + 1 + reading)::TIMESTAMP::TIMESTAMPTZ + INTERVAL 7 HOUR;

CREATE TEMP TABLE aged AS
SELECT unnest(generate_series(oldest, base - 1, INTERVAL 1 DAY))::DATE AS day FROM bounds;

CREATE TEMP VIEW numbers AS
SELECT
  campaign_id, ad_account_id, platform, day, reading,
  1000 + (campaign * 7919 + number * 104729) % 9000 AS all_impressions,
  all_impressions * (5 + (campaign + number) % 20) // 1000 AS all_clicks,
  (100 + (campaign * 3007 + number * 1649) % 50000) * share // 1000 AS cents,
  all_impressions * share // 1000 AS impressions,
  all_clicks * share // 1000 AS clicks,
  all_clicks // (3 + campaign % 5) * share // 1000 AS conversions,
  cents * ((campaign * 13 + number * 7) % 500) AS value,
  impressions * 9 // 10 AS reach
FROM (
  SELECT *, substr(campaign_id, 5)::BIGINT AS campaign, day - DATE '1970-01-01' + 719163 AS number
  FROM ads.campaigns, aged, shares
);

CREATE TEMP VIEW campaign_values AS
SELECT
  'prj_bench' AS project_id, campaign_id, day, ad_account_id AS spent_in_account_id, platform, 'USD' AS currency,
  cents / 100 AS spend, impressions, clicks, conversions, value / 10000 AS conversion_value, reach,
  CASE WHEN platform = 'meta_ads' THEN round(impressions / reach, 4) END AS frequency,
  reading, read_on(day, reading) AS read_at
FROM numbers;

CREATE TEMP VIEW ad_account_values AS
SELECT
  'prj_bench' AS project_id, ad_account_id, day, platform, 'USD' AS currency,
  sum(cents) / 100 AS spend, sum(impressions) AS impressions, sum(clicks) AS clicks, sum(conversions) AS conversions,
  sum(value) / 10000 AS conversion_value, sum(reach) // 2 AS reach,
  CASE WHEN platform = 'meta_ads' THEN round(sum(impressions) / (sum(reach) // 2), 4) END AS frequency,
  reading, read_on(day, reading) AS read_at
FROM numbers
GROUP BY ad_account_id, platform, day, reading;

INSERT INTO ads.campaign_metrics BY NAME
SELECT * EXCLUDE (reading, read_at), true AS settled, read_at AS first_observed_at, read_at AS observed_at
FROM campaign_values WHERE reading = 3 ORDER BY day;

INSERT INTO ads.ad_account_metrics BY NAME
SELECT * EXCLUDE (reading, read_at), true AS settled, read_at AS first_observed_at, read_at AS observed_at
FROM ad_account_values WHERE reading = 3 ORDER BY day;

INSERT INTO ads.campaign_metrics_history BY NAME
SELECT
  * EXCLUDE (reading, read_at), false AS settled, read_at AS observed_at, read_at AS last_observed_at,
  read_at + INTERVAL 1 DAY AS superseded_at
FROM campaign_values WHERE reading < 3 ORDER BY day + reading;

INSERT INTO ads.ad_account_metrics_history BY NAME
SELECT
  * EXCLUDE (reading, read_at), false AS settled, read_at AS observed_at, read_at AS last_observed_at,
  read_at + INTERVAL 1 DAY AS superseded_at
FROM ad_account_values WHERE reading < 3 ORDER BY day + reading;

CREATE TEMP TABLE weeks AS
SELECT DISTINCT date_trunc('week', day)::DATE AS week
FROM (FROM aged UNION ALL SELECT base FROM bounds), bounds
WHERE week >= oldest AND week + 7 <= base + 4;

INSERT INTO ads.campaign_reach_weekly BY NAME
SELECT
  project_id, campaign_id, week, platform, 20000 AS reach,
  read_on(week + 6, 3) AS first_observed_at, first_observed_at AS observed_at, true AS settled
FROM ads.campaigns, weeks ORDER BY week;

INSERT INTO ads.ad_account_reach_weekly BY NAME
SELECT
  project_id, ad_account_id, week, platform, 1000000 AS reach,
  read_on(week + 6, 3) AS first_observed_at, first_observed_at AS observed_at, true AS settled
FROM ads.ad_accounts, weeks ORDER BY week;

INSERT INTO ops.coverage BY NAME
SELECT scope, project_id, entity_id, oldest AS since, base AS until, 79 AS lag_hours
FROM ops.entities, bounds
WHERE scope IN ('campaign', 'ad_account');

CREATE TEMP TABLE mornings AS
SELECT
  read_on(day, 0) AS read_at, greatest(day - 3, oldest) AS since, least(day + 1, base) AS until,
  uuid()::VARCHAR AS run_id, base + 3 - day AS days_ago
FROM (FROM aged UNION ALL SELECT base + reading FROM bounds, shares WHERE reading < 3), bounds
ORDER BY day;

INSERT INTO ops.runs BY NAME
SELECT
  run_id, 'run' AS kind, read_at AS instant, read_at AS fresh_since, 'run' AS request,
  now() - INTERVAL 1 DAY * days_ago AS started_at, started_at AS finished_at, 'succeeded' AS status,
  (SELECT count(*) FROM ads.campaigns) AS windows_read, 0 AS entities_failed
FROM mornings;

INSERT INTO ops.readings BY NAME
SELECT
  scope, project_id, entity_id, since, until, read_at, run_id, CASE WHEN days_ago < 30 THEN 'req_1' END AS request_id
FROM mornings, ops.entities
WHERE scope IN ('campaign', 'ad_account')
ORDER BY read_at;

INSERT INTO ops.requests BY NAME
SELECT
  run_id, now() - INTERVAL 1 DAY * days_ago AS started_at, '/v1/projects/{projectId}/ads-metrics' AS path, scope,
  project_id, entity_id, since, until, 200 AS status, 1 AS attempts, 900 AS bytes_received, 0 AS waited_seconds,
  0.005 AS wire_seconds, 'req_1' AS request_id
FROM mornings, ops.entities
WHERE scope IN ('campaign', 'ad_account') AND days_ago < 30
ORDER BY started_at;

-- The log of changes as five weeks of mornings leave it, and all of what was aged for the marts to follow.
UPDATE ops.revision SET revision = revision + 100, state_id = uuid();

INSERT INTO ops.published_states BY NAME
SELECT uuid() AS state_id, (SELECT revision FROM ops.revision) - 50 + rank AS revision
FROM (SELECT row_number() OVER (ORDER BY days_ago DESC) AS rank FROM mornings WHERE days_ago <= 34);

INSERT INTO ops.changed_days BY NAME
SELECT scope, project_id, entity_id, since, until, (SELECT revision FROM ops.revision) - 15 - days_ago AS revision
FROM mornings, ops.entities
WHERE scope IN ('campaign', 'ad_account') AND days_ago <= 34
ORDER BY revision;

INSERT INTO ops.changed_days BY NAME
SELECT scope, project_id, entity_id, oldest AS since, base AS until, (SELECT revision FROM ops.revision) AS revision
FROM ops.entities, bounds
WHERE scope IN ('campaign', 'ad_account');

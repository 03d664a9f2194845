-- What the readings of one scope since $read_since show of the copy of each ad account (domain/freshness.py): when it was
-- last read, its newest day with any activity, the latest earlier reading whose numbers they changed, whether there is less
-- by that than there was, whether they reach the running day, and whether a week ago it was quiet about then.
WITH read AS (
  SELECT
    readings.project_id, coalesce(entity.ad_account_id, '') AS ad_account_id, max(read_at) AS read_at,
    bool_or(until > ops.utc_day(read_at)) AS reaches_running
  FROM ops.readings AS readings
  JOIN ops.entities AS entity USING (scope, project_id, entity_id)
  WHERE scope = '{scope}' AND read_at >= $read_since
  GROUP BY ALL
),
seen_running AS (
  FROM ops.running_days WHERE scope = '{scope}' AND seen_at >= $read_since
),
looked AS (
  SELECT DISTINCT project_id, ad_account_id, true AS looked FROM seen_running WHERE day >= ops.utc_day(seen_at)
),
seen AS (
  SELECT project_id, {id_column} AS entity_id, day, spend, impressions, clicks, conversions
  FROM ads.{scope}_metrics
  WHERE observed_at >= $read_since
  UNION ALL
  SELECT project_id, entity_id, day, seen_spend, seen_impressions, seen_clicks, seen_conversions FROM seen_running
),
active AS (
  SELECT seen.project_id, coalesce(entity.ad_account_id, '') AS ad_account_id, max(day) AS newest_active_day
  FROM seen
  JOIN ops.entities AS entity
    ON entity.scope = '{scope}' AND entity.project_id = seen.project_id AND entity.entity_id = seen.entity_id
  WHERE spend > 0 OR impressions > 0 OR clicks > 0 OR conversions > 0
  GROUP BY ALL
),
-- By the days with any activity from two weeks ago to one: those about today's (a week ago, and the one before), and those
-- before them. The second bound on the day only spares looking through all others.
rested AS (
  SELECT
    read.project_id, read.ad_account_id,
    count(DISTINCT day) FILTER (day >= ops.utc_day(read.read_at) - 8) < 2
      AND count(*) FILTER (day < ops.utc_day(read.read_at) - 8) > 0 AS rests
  FROM ads.{scope}_metrics AS measured
  JOIN ops.entities AS entity
    ON entity.scope = '{scope}' AND entity.project_id = measured.project_id
   AND entity.entity_id = measured.{id_column}
  JOIN read ON read.project_id = measured.project_id AND read.ad_account_id = coalesce(entity.ad_account_id, '')
  WHERE day BETWEEN ops.utc_day(read.read_at) - 14 AND ops.utc_day(read.read_at) - 7
    AND day >= (SELECT min(ops.utc_day(read_at)) - 14 FROM read)
    AND (spend > 0 OR impressions > 0 OR clicks > 0 OR conversions > 0)
  GROUP BY ALL
),
-- A day that was running at the look before: as it is now, landed or not.
looked_at_again AS (
  SELECT
    project_id, entity_id, day, before.seen_at AS moved_since,
    now.seen_impressions - before.seen_impressions AS impressions, now.seen_spend - before.seen_spend AS spend,
    now.seen_clicks - before.seen_clicks AS clicks, now.seen_conversions - before.seen_conversions AS conversions
  FROM ops.running_days AS before
  JOIN seen_running AS now USING (scope, project_id, entity_id, day)
  WHERE before.seen_at < $read_since
),
-- Every number that stood and was answered anew, and what was gained by it; what is gone is lost.
answered AS (
  SELECT
    measured.project_id, measured.{id_column} AS entity_id, day, before.last_observed_at AS moved_since,
    measured.impressions - before.impressions AS impressions, measured.spend - before.spend AS spend,
    measured.clicks - before.clicks AS clicks, measured.conversions - before.conversions AS conversions
  FROM ads.{scope}_metrics_history AS before
  JOIN ads.{scope}_metrics AS measured USING ({key}, day)
  WHERE before.superseded_at >= $read_since
  UNION ALL
  SELECT measured.project_id, measured.{id_column}, measured.day, NULL, -impressions, -spend, -clicks, -conversions
  FROM ads.{scope}_metrics AS measured
  JOIN ops.doubtful_days AS doubtful
    ON doubtful.scope = '{scope}' AND doubtful.project_id = measured.project_id
   AND doubtful.entity_id = measured.{id_column} AND doubtful.day = measured.day
  WHERE kind = 'vanished' AND first_seen_at >= $read_since
  UNION ALL
  FROM looked_at_again WHERE impressions <> 0 OR spend <> 0 OR clicks <> 0 OR conversions <> 0
),
gained AS (
  SELECT
    answered.project_id, coalesce(entity.ad_account_id, '') AS ad_account_id, max(moved_since) AS moved_since,
    coalesce(sum(impressions), 0) AS impressions, coalesce(sum(spend), 0) AS spend, coalesce(sum(clicks), 0) AS clicks,
    coalesce(sum(conversions), 0) AS conversions
  FROM answered
  JOIN ops.entities AS entity
    ON entity.scope = '{scope}' AND entity.project_id = answered.project_id AND entity.entity_id = answered.entity_id
  GROUP BY ALL
)
SELECT
  project_id, ad_account_id, read_at, newest_active_day, moved_since,
  coalesce(
    CASE WHEN impressions <> 0 THEN impressions WHEN spend <> 0 THEN spend WHEN clicks <> 0 THEN clicks ELSE conversions
    END < 0, false
  ) AS went_back,
  reaches_running OR coalesce(looked, false) AS looked,
  coalesce(rests, false) AS rests
FROM read
LEFT JOIN looked USING (project_id, ad_account_id)
LEFT JOIN active USING (project_id, ad_account_id)
LEFT JOIN gained USING (project_id, ad_account_id)
LEFT JOIN rested USING (project_id, ad_account_id);

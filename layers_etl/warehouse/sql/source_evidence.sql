-- What the readings of one scope since $read_since show of the copy of each ad account (domain/freshness.py): when it was
-- last read, its newest day with any activity, and the latest earlier reading whose numbers they changed.
WITH read AS (
  SELECT readings.project_id, coalesce(entity.ad_account_id, '') AS ad_account_id, max(read_at) AS read_at
  FROM ops.readings AS readings
  JOIN ops.entities AS entity USING (scope, project_id, entity_id)
  WHERE scope = '{scope}' AND read_at >= $read_since
  GROUP BY ALL
),
active AS (
  SELECT measured.project_id, coalesce(entity.ad_account_id, '') AS ad_account_id, max(day) AS newest_active_day
  FROM ads.{scope}_metrics AS measured
  JOIN ops.entities AS entity
    ON entity.scope = '{scope}' AND entity.project_id = measured.project_id AND entity.entity_id = measured.{id_column}
  WHERE observed_at >= $read_since AND (spend > 0 OR impressions > 0 OR clicks > 0 OR conversions > 0)
  GROUP BY ALL
),
moved AS (
  SELECT measured.project_id, coalesce(entity.ad_account_id, '') AS ad_account_id, max(last_observed_at) AS moved_since
  FROM ads.{scope}_metrics_history AS measured
  SEMI JOIN ads.{scope}_metrics USING ({key}, day)
  JOIN ops.entities AS entity
    ON entity.scope = '{scope}' AND entity.project_id = measured.project_id AND entity.entity_id = measured.{id_column}
  WHERE superseded_at >= $read_since
  GROUP BY ALL
)
SELECT project_id, ad_account_id, read_at, newest_active_day, moved_since
FROM read
LEFT JOIN active USING (project_id, ad_account_id)
LEFT JOIN moved USING (project_id, ad_account_id);

SELECT
  '{scope}' AS scope, audited.platform, coalesce(standing.currency, changed.currency, entity.currency) AS currency,
  floor(ops.hours_after_close(audited.day, audited.read_at) / 24)::INTEGER AS age_days,
  changed.day IS NOT NULL AS moved,
  CASE WHEN changed.day IS NULL THEN coalesce(after.spend, standing.spend) ELSE changed.spend END AS spend_before,
  coalesce(after.spend, CASE WHEN changed.day IS NULL THEN standing.spend END) AS spend_after,
  CASE WHEN changed.day IS NULL THEN coalesce(after.conversions, standing.conversions) ELSE changed.conversions END
    AS conversions_before,
  coalesce(after.conversions, CASE WHEN changed.day IS NULL THEN standing.conversions END) AS conversions_after
FROM (
  SELECT *, unnest(generate_series(since, until - 1, INTERVAL 1 DAY))::DATE AS day
  FROM ops.audits
  WHERE scope = '{scope}'
) AS audited
LEFT JOIN ads.{scope}_metrics AS standing
  ON standing.project_id = audited.project_id AND standing.{id_column} = audited.entity_id
 AND standing.day = audited.day
-- The value that was settled until this reading, and what the reading said instead: superseded since, or standing.
LEFT JOIN ads.{scope}_metrics_history AS changed
  ON changed.project_id = audited.project_id AND changed.{id_column} = audited.entity_id AND changed.day = audited.day
 AND changed.settled AND changed.superseded_at >= audited.read_at
 AND changed.superseded_at < audited.read_at + INTERVAL 1 HOUR AND changed.last_observed_at < changed.superseded_at
LEFT JOIN ads.{scope}_metrics_versions AS after
  ON after.project_id = audited.project_id AND after.{id_column} = audited.entity_id AND after.day = audited.day
 AND after.valid_from <= coalesce(changed.superseded_at, audited.read_at)
 AND (after.valid_to > coalesce(changed.superseded_at, audited.read_at) OR after.valid_to IS NULL)
LEFT JOIN ops.entities AS entity
  ON entity.scope = '{scope}' AND entity.project_id = audited.project_id AND entity.entity_id = audited.entity_id

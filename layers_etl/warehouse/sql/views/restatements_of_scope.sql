SELECT
  '{scope}' AS scope, project_id, entity_id, day, platform, currency, read_at,
  ops.hours_after_close(day, read_at) AS age_hours,
  row_number() OVER (PARTITION BY project_id, entity_id, day ORDER BY read_at) AS reading,
  {additive_changes}
FROM (
  SELECT
    readings.project_id, readings.entity_id, readings.day, readings.read_at,
    coalesce(version.platform, standing.platform) AS platform,
    coalesce(version.currency, standing.currency) AS currency,
    {version_measures}, {settled_measures}
  FROM (
    SELECT DISTINCT
      project_id, entity_id, unnest(generate_series(since, until - 1, INTERVAL 1 DAY))::DATE AS day, read_at
    FROM ops.readings
    WHERE scope = '{scope}'
  ) AS readings
  -- What the table said at the instant of the reading: the newest version from before it, if it still stood. No ASOF
  -- JOIN, and no default within lead: DuckDB 1.3 and 1.4.0 are wrong about the one, 2.0.0 about the other.
  LEFT JOIN (
    SELECT
      *,
      coalesce(lead(valid_from) OVER (PARTITION BY {key}, day ORDER BY valid_from), TIMESTAMPTZ 'infinity')
        AS newest_until
    FROM ads.{scope}_metrics_versions
    WHERE valid_to IS NULL OR valid_to > valid_from
  ) AS version
    ON version.project_id = readings.project_id AND version.{id_column} = readings.entity_id
   AND version.day = readings.day
   AND version.valid_from <= readings.read_at AND version.newest_until > readings.read_at
  LEFT JOIN ads.{scope}_metrics AS standing
    ON standing.project_id = readings.project_id AND standing.{id_column} = readings.entity_id
   AND standing.day = readings.day
  WHERE version.day IS NOT NULL OR standing.day IS NOT NULL
)

-- ops.day_states: what the ledger says of every entity's day since the first day of the warehouse.
CREATE OR REPLACE VIEW ops.day_states AS
WITH entities AS (
  SELECT *, ops.hours_to_settle(platform) AS hours_to_settle FROM ops.entities WHERE gone_at IS NULL
),
days AS (
  SELECT unnest(generate_series(first_day, last_day, INTERVAL 1 DAY))::DATE AS day FROM ops.horizon
),
intervals AS (
  SELECT
    scope, project_id, entity_id, read_at, lag_hours AS least_lag_hours, coalesce(held, false) AS held,
    unnest(generate_series(since, until - 1, INTERVAL 1 DAY))::DATE AS day
  FROM ops.coverage
),
read_days AS (
  SELECT
    scope, project_id, entity_id, day, held,
    coalesce(least_lag_hours, floor(ops.hours_after_close(day, read_at))::INTEGER) AS lag_hours
  FROM intervals
)
SELECT
  entities.scope, entities.project_id, entities.ad_account_id, entities.entity_id, entities.platform, days.day,
  read_days.lag_hours, coalesce(read_days.held, false) AS held,
  CASE
    WHEN read_days.lag_hours IS NULL THEN 'never read'
    WHEN read_days.lag_hours < 0 THEN 'running'
    WHEN read_days.lag_hours >= hours_to_settle AND NOT read_days.held THEN 'settled'
    ELSE 'provisional'
  END AS state
FROM entities
CROSS JOIN days
LEFT JOIN read_days USING (scope, project_id, entity_id, day);

COMMENT ON VIEW ops.day_states IS
  'One row per entity and UTC day since the first day of the warehouse: when it was last read whole, and so how final it '
  'is. Entities that are gone (metrics answered NOT_FOUND) are left out.';
COMMENT ON COLUMN ops.day_states.lag_hours IS
  'Whole hours between the day''s close and its last reading, at least; negative: it was still running; null: never read.';
COMMENT ON COLUMN ops.day_states.held IS
  'Whether its last reading settles nothing, however late it was: the copy may have stood still (ops.sources), or the '
  'answer leaves a doubt (ops.doubtful_days).';
COMMENT ON COLUMN ops.day_states.state IS
  'never read; running (read before it closed); provisional; settled (read at or after its close plus the settling time, '
  'and not held).';

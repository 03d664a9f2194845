-- ops.read_intervals: ops.coverage in days that count, so that no query has to reckon with instants.
CREATE OR REPLACE VIEW ops.read_intervals AS
WITH entities AS (
  SELECT *, gone_at IS NOT NULL AS gone, ops.hours_to_settle(platform) AS hours_to_settle FROM ops.entities
),
timed AS (
  SELECT
    coverage.*, entities.ad_account_id, entities.gone, hours_to_settle,
    ops.utc_day(read_at) AS read_on,
    ops.settled_before(read_at, hours_to_settle) AS final_before
  FROM ops.coverage
  JOIN entities USING (scope, project_id, entity_id)
)
SELECT
  scope, project_id, ad_account_id, entity_id, gone, since, until,
  greatest(since, CASE WHEN lag_hours >= 0 THEN until ELSE least(until, read_on) END) AS closed_until,
  greatest(since, CASE
    WHEN held THEN since
    WHEN lag_hours IS NULL THEN least(until, final_before)
    WHEN lag_hours >= hours_to_settle THEN until
    ELSE since
  END) AS settled_until,
  read_at, lag_hours, coalesce(held, false) AS held
FROM timed;

COMMENT ON VIEW ops.read_intervals IS
  'One row per entity and interval of days that were last read alike (ops.coverage), with how far its days had closed '
  'and settled when they were read.';
COMMENT ON COLUMN ops.read_intervals.ad_account_id IS 'The ad account itself, or the one it belongs to.';
COMMENT ON COLUMN ops.read_intervals.gone IS 'Whether its metrics have since answered NOT_FOUND.';
COMMENT ON COLUMN ops.read_intervals.closed_until IS
  'Days of the interval before this one had closed when they were read. Exclusive; since: none had.';
COMMENT ON COLUMN ops.read_intervals.settled_until IS
  'Days of the interval before this one are settled: read late enough, and not held. Exclusive; since: none is.';
COMMENT ON COLUMN ops.read_intervals.read_at IS 'When all days of the interval were last read; null: see lag_hours.';
COMMENT ON COLUMN ops.read_intervals.lag_hours IS
  'Each day was last read at least so many hours after its close; null: see read_at.';
COMMENT ON COLUMN ops.read_intervals.held IS
  'Whether its readings settle nothing, however late they were: see ops.coverage.';

-- marts.{view}: the {children}' sums held against the {parent}'s own numbers, day by day.
-- Both sides go through one UNION, not a FULL JOIN, so that a filter on the day reaches the tables.
CREATE OR REPLACE VIEW marts.{view} AS
WITH readings AS (
  SELECT
    {child_key}, measured.{child_id} AS entity_id, measured.day, true AS is_child, measured.currency, {measured},
    measured.settled, measured.observed_at
  FROM {child_metrics} AS measured
  JOIN {child_table} AS child ON {child_is_measured}
  UNION ALL
  SELECT {key}, {parent_id}, day, false, currency, {additive}, settled, observed_at
  FROM {parent_metrics}
),
-- ROAS is printed with a few decimals, so a value is known to half a unit of the last one, times the spend. How many
-- decimals that are shows in the numbers, entity by entity. JSON prints 3.40 as 3.4, so one ROAS may show too few, never
-- too many: those that any of the entity's newest days shows count for all.
rounded AS (
  SELECT
    *, {divisor} AS divisor,
    {decimals} AS decimals
  FROM readings
),
printed AS (
  SELECT is_child, project_id, entity_id, max({decimals}) AS decimals
  FROM (
    SELECT true AS is_child, project_id, {child_id} AS entity_id, day, conversion_value, {divisor} AS divisor
    FROM {child_metrics}
    UNION ALL
    SELECT false, project_id, {parent_id}, day, conversion_value, {divisor}
    FROM {parent_metrics}
  )
  WHERE day > (SELECT last_day FROM ops.horizon) - {decimals_days}
  GROUP BY ALL
),
bounded AS (
  SELECT
    rounded.*, 0.5 * pow(10, -greatest(rounded.decimals, printed.decimals)) * divisor + {half_unit} AS value_bound
  FROM rounded
  LEFT JOIN printed USING (is_child, project_id, entity_id)
),
summed AS (
  SELECT
    {key}, day,
    min(currency) AS currency, min(currency) IS NOT DISTINCT FROM max(currency) AS one_currency,
    count(*) FILTER (is_child) AS {children}, count(*) FILTER (NOT is_child) AS parents,
    {sums},
    sum(value_bound) AS conversion_value_bound,
    bool_and(settled) AS settled,
    min(observed_at) FILTER (NOT is_child) AS {parent}_observed_at,
    min(observed_at) FILTER (is_child) AS {children}_oldest_observed_at,
    max(observed_at) FILTER (is_child) AS {children}_newest_observed_at,
    epoch(max(observed_at)) - epoch(min(observed_at)) <= {moment_seconds} AS same_moment
  FROM bounded
  GROUP BY ALL
),
-- What the ledger says of every {child} and of the {parent} that day, quiet ones too.
days AS (
  SELECT unnest(generate_series(first_day, last_day, INTERVAL 1 DAY))::DATE AS day
  FROM (SELECT min(since) AS first_day, max(until) - 1 AS last_day FROM ops.coverage)
),
ledger AS (
  SELECT
    {key}, day,
    count(*) FILTER (scope = '{child}' AND (day < settled_until OR NOT gone)) AS children_read,
    count(*) FILTER (scope = '{parent}') > 0 AS parent_read,
    bool_and(day < settled_until) AS all_settled,
    max(read) - min(read) <= {moment_seconds} AS read_together
  FROM (
    SELECT *, coalesce(epoch(read_at), epoch((day + 1)::TIMESTAMP) + 3600 * lag_hours) AS read
    FROM ops.read_intervals
    JOIN days ON day >= since AND day < closed_until
    WHERE scope IN ('{child}', '{parent}')
  )
  GROUP BY ALL
),
known AS (
  SELECT {key}, count(*) AS children_known FROM {child_table} GROUP BY ALL
),
sides AS (
  SELECT
    parents > 0 OR coalesce(parent_read, false) AS {parent}_known,
    summed.* REPLACE ({parent_sides_if_known}),
    coalesce(children_known, 0) - coalesce(children_read, 0) AS {children}_missing,
    CASE WHEN parents = 0 THEN '{parent}' WHEN {children} = 0 THEN '{children}' END AS without_bucket,
    coalesce(parent_read, false) AND coalesce(all_settled OR read_together, false) AS read_alike
  FROM summed
  LEFT JOIN ledger ON {ledger_is_summed} AND ledger.day = summed.day
  LEFT JOIN known ON {known_is_summed}
),
compared AS (
  SELECT *, {residuals} FROM sides
)
SELECT
  {compared_key}, compared.day, {parent_columns}CASE WHEN one_currency THEN compared.currency END AS currency,
  {shown},
  conversion_value_bound,
  CASE WHEN {parent}_known THEN {all_agree} END AS agrees,
  read_alike AND {children}_missing = 0 AS comparable,
  without_bucket, {children}, {children}_missing,
  compared.settled, same_moment,
  {parent}_observed_at, {children}_oldest_observed_at, {children}_newest_observed_at
FROM compared
LEFT JOIN {parent_table} AS parent ON {parent_is_compared};

COMMENT ON VIEW marts.{view} IS
  'One row per {parent} and UTC day of which either side has a bucket: the sum of the {children}'' numbers, what the '
  'API says of the {parent} itself, and the residual. Source: {child_metrics}, {parent_metrics}. A {child} that answers '
  'NOT_FOUND leaves a residual for good: what it spent stays in the {parent}''s numbers.';
COMMENT ON COLUMN marts.{view}.currency IS
  'ISO 4217 currency of the money columns; null: several or unknown. Money of several currencies is not compared.';
COMMENT ON COLUMN marts.{view}.conversion_value_bound IS
  'How far the conversion values of the two sides can lie apart by rounding alone: for each {child} and the {parent}, '
  'half a unit of the last decimal of its ROAS times spend, and half a unit of the fourth decimal. Its ROAS has as many '
  'decimals as any of its last {decimals_days} days needs.';
COMMENT ON COLUMN marts.{view}.agrees IS
  'Whether every measure agrees that can be compared; null: none can, as the {parent} itself was not read.';
COMMENT ON COLUMN marts.{view}.comparable IS
  'Whether a residual is a contradiction: both sides were read whole after the day had closed, and all are settled or '
  'were read within {moment_minutes} minutes. False: it may be only that one was read later than the other, or not at all.';
COMMENT ON COLUMN marts.{view}.without_bucket IS
  'The side that has no bucket for the day, {parent} or {children}; null: both have.';
COMMENT ON COLUMN marts.{view}.{children} IS 'Number of {children} with a bucket for the day.';
COMMENT ON COLUMN marts.{view}.{children}_missing IS
  'Number of {children} whose day was not read since it closed (one that failed, or is dormant) or, of one that is gone, '
  'not since it settled.';
COMMENT ON COLUMN marts.{view}.settled IS 'Whether the numbers of both sides are final.';
COMMENT ON COLUMN marts.{view}.same_moment IS
  'Whether all that has a bucket was last read within {moment_minutes} minutes.';
COMMENT ON COLUMN marts.{view}.{parent}_observed_at IS 'When the day of the {parent} was last read.';
COMMENT ON COLUMN marts.{view}.{children}_oldest_observed_at IS
  'Of the {children} with a bucket: when the one read longest ago was last read.';
COMMENT ON COLUMN marts.{view}.{children}_newest_observed_at IS
  'Of the {children} with a bucket: when the one read most recently was last read.';
{comments}

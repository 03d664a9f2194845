-- marts.{view}: the {children}' sums held against the {parent}'s own numbers, day by day.
-- Both sides go through one UNION, not a FULL JOIN, so that a filter on the day reaches the tables.
CREATE OR REPLACE VIEW marts.{view} AS
WITH readings AS (
  SELECT {child_key}, measured.day, true AS is_child, measured.currency, {measured}, measured.settled, measured.observed_at
  FROM {child_metrics} AS measured
  JOIN {child_table} AS child ON {child_is_measured}
  UNION ALL
  SELECT {key}, day, false, currency, {additive}, settled, observed_at
  FROM {parent_metrics}
),
-- ROAS is printed with a few decimals, so a value is known to half a unit of the last one, times the spend. How many
-- decimals that are shows in the numbers: the most that any ROAS of the day needs.
rounded AS (
  SELECT
    *, CASE WHEN conversion_value IS NOT NULL THEN greatest(spend, {floor})::DOUBLE END AS divisor,
    {decimals} AS decimals
  FROM readings
),
summed AS (
  SELECT
    {key}, day,
    min(currency) AS currency, min(currency) IS NOT DISTINCT FROM max(currency) AS one_currency,
    count(*) FILTER (is_child) AS {children}, count(*) FILTER (NOT is_child) AS parents,
    {sums},
    sum(divisor) AS divisor, count(divisor) AS known_values, max(decimals) AS decimals,
    bool_and(settled) AS settled,
    min(observed_at) FILTER (NOT is_child) AS {parent}_observed_at,
    min(observed_at) FILTER (is_child) AS {children}_oldest_observed_at,
    max(observed_at) FILTER (is_child) AS {children}_newest_observed_at,
    epoch(max(observed_at)) - epoch(min(observed_at)) <= {moment_seconds} AS same_moment
  FROM rounded
  GROUP BY ALL
),
bounded AS (
  SELECT
    *,
    0.5 * pow(10, -max(decimals) OVER (PARTITION BY day)) * divisor + {half_unit} * known_values AS conversion_value_bound
  FROM summed
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
compared AS (
  SELECT
    bounded.*, {residuals},
    coalesce(children_known, 0) - coalesce(children_read, 0) AS {children}_missing,
    CASE WHEN parents = 0 THEN '{parent}' WHEN {children} = 0 THEN '{children}' END AS without_bucket,
    coalesce(parent_read, false) AND coalesce(all_settled OR read_together, false) AS read_alike
  FROM bounded
  LEFT JOIN ledger ON {ledger_is_bounded} AND ledger.day = bounded.day
  LEFT JOIN known ON {known_is_bounded}
)
SELECT
  {compared_key}, compared.day, {parent_columns}CASE WHEN one_currency THEN compared.currency END AS currency,
  {shown},
  conversion_value_bound,
  {all_agree} AS agrees,
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
  'half a unit of the last decimal of ROAS times spend, and half a unit of the fourth decimal. ROAS has as many decimals '
  'as any of the day needs.';
COMMENT ON COLUMN marts.{view}.agrees IS 'Whether every measure agrees that can be compared.';
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

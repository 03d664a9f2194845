-- marts.{view}: the {children}' sums held against the {parent}'s own numbers, day by day.
-- Both sides go through one UNION, not a FULL JOIN, so that a filter on the day reaches the tables.
-- What is known under several ids counts once (ops.duplicate_ids), and what has moved where it was that day
-- (ops.moved_entities); both are empty as a rule.
CREATE OR REPLACE VIEW marts.{view} AS
WITH second_ids AS NOT MATERIALIZED (
  SELECT scope, project_id, entity_id, counts_as FROM ops.duplicate_ids WHERE preference > 1
),
readings AS (
  SELECT
    {counted_key}, measured.{child}_id AS entity_id, measured.day, true AS is_child, {is_second_id} AS of_second_id,
    measured.currency, {measured}, measured.settled, measured.observed_at
  FROM {child_days} AS measured
  {counted_as}
  ANTI JOIN ops.uncounted_days AS uncounted
    ON uncounted.scope = '{child}' AND uncounted.project_id = measured.project_id
   AND uncounted.entity_id = measured.{child}_id AND uncounted.day = measured.day
  UNION ALL
  SELECT
    {counted_key}, measured.{parent}_id, measured.day, false, NULL, measured.currency, {measured}, measured.settled,
    measured.observed_at
  FROM ads.{parent}_metrics AS measured
  {counted_as}
  ANTI JOIN ops.uncounted_days AS uncounted
    ON uncounted.scope = '{parent}' AND uncounted.project_id = measured.project_id
   AND uncounted.entity_id = measured.{parent}_id AND uncounted.day = measured.day
),
incomplete AS NOT MATERIALIZED (
  SELECT scope, project_id, entity_id, day FROM ops.doubtful_days WHERE kind = 'incomplete'
),
-- ROAS is printed with a few decimals, so a value is known to half a unit of the last one, times the spend. How many
-- decimals that are shows in the numbers, entity by entity. JSON prints 3.40 as 3.4, so one ROAS may show too few, never
-- too many: those that any of the entity's newest days shows count for all. Not of a day in doubt: its value may be of
-- another spend than its own.
rounded AS (
  SELECT *, {roas_unit} AS roas_unit
  FROM (SELECT *, value / divisor AS value_by_divisor FROM (SELECT *, {value}, {divisor} FROM readings))
),
printed AS (
  SELECT is_child, project_id, entity_id, min({roas_unit}) AS roas_unit
  FROM (
    SELECT *, value / divisor AS value_by_divisor
    FROM (
      SELECT true AS is_child, '{child}' AS scope, project_id, {child}_id AS entity_id, day, {value}, {divisor}
      FROM ads.{child}_metrics
      UNION ALL
      SELECT false, '{parent}', project_id, {parent}_id, day, {value}, {divisor}
      FROM ads.{parent}_metrics
    )
    ANTI JOIN incomplete USING (scope, project_id, entity_id, day)
  )
  WHERE day > (SELECT last_day FROM ops.horizon) - {decimals_days}
  GROUP BY ALL
),
bounded AS (
  SELECT
    rounded.*, 0.5 * least(rounded.roas_unit, printed.roas_unit) * divisor + {half_unit} AS value_bound
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
    bool_and(of_second_id) IS NOT DISTINCT FROM bool_or(of_second_id) AS under_one_id,
    min(observed_at) FILTER (NOT is_child) AS {parent}_observed_at,
    min(observed_at) FILTER (is_child) AS {children}_oldest_observed_at,
    max(observed_at) FILTER (is_child) AS {children}_newest_observed_at,
    epoch(max(observed_at)) - epoch(min(observed_at)) <= 60 * {moment_minutes} AS same_moment
  FROM bounded
  GROUP BY ALL
),
-- What the ledger says of every {child} and of the {parent} that day, quiet ones too.
days AS (
  SELECT unnest(generate_series(first_day, last_day, INTERVAL 1 DAY))::DATE AS day
  FROM (SELECT min(since) AS first_day, max(until) - 1 AS last_day FROM ops.coverage)
),
read_days AS (
  SELECT
    part.scope, part.project_id, coalesce(moved.ad_account_id, part.ad_account_id) AS ad_account_id, day, gone,
    settled_until, epoch(coalesce(read_at, ops.after_close(day, lag_hours))) AS read
  FROM ops.read_intervals AS part
  JOIN days ON day >= part.since AND day < closed_until
  LEFT JOIN ops.moved_entities AS moved
    ON moved.scope = part.scope AND moved.project_id = part.project_id AND moved.entity_id = part.entity_id
   AND day >= moved.since AND day < moved.until
  ANTI JOIN second_ids AS second
    ON second.scope = '{child}' AND part.scope = '{child}' AND second.project_id = part.project_id
   AND second.entity_id = part.entity_id
  WHERE part.scope IN ('{child}', '{parent}')
),
ledger AS (
  SELECT
    {counted_key}, day,
    count(*) FILTER (scope = '{child}' AND (day < settled_until OR NOT gone)) AS children_read,
    count(*) FILTER (scope = '{parent}') > 0 AS parent_read,
    bool_and(day < settled_until) AS all_settled,
    max(read) - min(read) <= 60 * {moment_minutes} AS read_together
  FROM read_days AS measured
  {counted_as}
  GROUP BY ALL
),
known AS (
  SELECT {counted_key}, count(*) AS children_known
  FROM ads.{children} AS measured
  {counted_as}
  ANTI JOIN second_ids AS second
    ON second.scope = '{child}' AND second.project_id = measured.project_id AND second.entity_id = measured.{child}_id
  GROUP BY ALL
),
-- Of what has moved: one more where it was that day, one less where it is now.
moved AS NOT MATERIALIZED (
  SELECT moved.project_id, moved.ad_account_id, child.ad_account_id AS is_now_in, moved.since, moved.until
  FROM ops.moved_entities AS moved
  JOIN ads.{children} AS child ON child.project_id = moved.project_id AND child.{child}_id = moved.entity_id
  WHERE moved.scope = '{child}'
),
shifted AS (
  SELECT {counted_key}, day, sum(one) AS children_shifted
  FROM (
    SELECT project_id, unnest([ad_account_id, is_now_in]) AS ad_account_id, unnest([1, -1]) AS one, day
    FROM moved
    JOIN days ON day >= since AND day < until
  ) AS measured
  {counted_as}
  GROUP BY ALL
),
-- The days on which a move into or out of a {parent} was first seen.
moves AS (
  SELECT {counted_key}, list(moved_on) AS moved_on
  FROM (SELECT project_id, ad_account_id, unnest([since, until]) AS moved_on FROM moved) AS measured
  {counted_as}
  WHERE moved_on > DATE '0001-01-01' AND moved_on < DATE '9999-12-31'
  GROUP BY ALL
),
-- Days of which a number is unknown that was known, on either side.
doubted AS (
  SELECT DISTINCT {counted_key}, day, true AS in_doubt
  FROM (
    SELECT scope, project_id, coalesce(moved.ad_account_id, entity.ad_account_id) AS ad_account_id, day
    FROM incomplete
    JOIN ops.entities AS entity USING (scope, project_id, entity_id)
    LEFT JOIN ops.moved_entities AS moved
      ON moved.scope = entity.scope AND moved.project_id = entity.project_id AND moved.entity_id = entity.entity_id
     AND day >= moved.since AND day < moved.until
    WHERE entity.scope IN ('{child}', '{parent}')
  ) AS measured
  {counted_as}
),
sides AS (
  SELECT
    parents > 0 OR coalesce(parent_read, false) AS {parent}_known,
    summed.* REPLACE ({parent_sides_if_known}),
    coalesce(children_known, 0) + coalesce(children_shifted, 0)::BIGINT - coalesce(children_read, 0)
      AS {children}_missing,
    coalesce(len([one FOR one IN moved_on IF one >= summed.day AND one <= coalesce(
      ops.utc_day({parent}_observed_at), DATE '9999-12-31'
    )]) > 0, false) AS moved_meanwhile,
    CASE WHEN parents = 0 THEN '{parent}' WHEN {children} = 0 THEN '{children}' END AS without_bucket,
    coalesce(parent_read, false) AND coalesce(all_settled OR read_together, false) AS read_alike,
    in_doubt IS NULL AS none_in_doubt
  FROM summed
  LEFT JOIN ledger USING ({key}, day)
  LEFT JOIN known USING ({key})
  LEFT JOIN shifted USING ({key}, day)
  LEFT JOIN moves USING ({key})
  LEFT JOIN doubted USING ({key}, day)
),
compared AS (
  SELECT *, {residuals} FROM sides
)
SELECT
  {key}, day, {parent_columns}CASE WHEN one_currency THEN compared.currency END AS currency,
  {shown},
  conversion_value_bound,
  CASE WHEN {parent}_known THEN {all_agree} END AS agrees,
  read_alike AND none_in_doubt AND {children}_missing = 0 AND under_one_id AND NOT moved_meanwhile AS comparable,
  without_bucket, {children}, {children}_missing,
  compared.settled, same_moment,
  {parent}_observed_at, {children}_oldest_observed_at, {children}_newest_observed_at
FROM compared
LEFT JOIN ads.{parent}s AS parent USING ({key});

COMMENT ON VIEW marts.{view} IS
  'One row per {parent} and UTC day of which either side has a bucket: the sum of the {children}'' numbers, what the '
  'API says of the {parent} itself, and the residual. What has moved counts where it was that day, what has several ids '
  'once. Source: ads.{child}_metrics, ads.{parent}_metrics. A {child} that answers '
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
  'were read within {moment_minutes} minutes. False: it may be only that one was read later than the other, or not at '
  'all; that a number of either is in doubt; or that what belongs to the {parent} had changed between the day and its '
  'reading.';
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

INSERT INTO measures (relation, column_name, unit, additive) VALUES
  ('marts.{view}', 'conversion_value_bound', 'currency of the row', true),
  ('marts.{view}', '{children}', 'count', false),
  ('marts.{view}', '{children}_missing', 'count', false);
{comments}

-- marts.restatement_summary: what share of the settled value was known how long after a day closed.
CREATE OR REPLACE VIEW marts.restatement_summary AS
WITH seen_maturing AS (
  -- A day that was first read when it had settled tells nothing of how it came there.
  SELECT *
  FROM marts.restatements
  WHERE age_hours >= 0
  QUALIFY min(age_hours) OVER (PARTITION BY scope, project_id, entity_id, day)
    < ops.hours_to_settle(platform)
),
known AS (
  SELECT
    scope, platform, currency, project_id, entity_id, day, 24 * floor(age_hours / 24)::INTEGER AS known_after_hours,
    {last_known}
  FROM seen_maturing
  GROUP BY ALL
)
SELECT
  scope, platform, currency, metric, known_after_hours, count(*) AS entity_days, count(DISTINCT day) AS days,
  sum(value) AS known, sum(settled_value) AS settled, sum(value) / nullif(sum(settled_value), 0) AS share_known,
  count(*) FILTER (value <> settled_value) AS entity_days_that_moved_later
FROM (
  {metrics_unpivoted}
)
WHERE value IS NOT NULL AND settled_value IS NOT NULL
GROUP BY ALL;

COMMENT ON VIEW marts.restatement_summary IS
  'One row per scope, platform, currency, metric and age: of days that are settled now, what share of the settled value '
  'a reading at that age (whole days after the close, the last one within 24 hours) already knew.';
COMMENT ON COLUMN marts.restatement_summary.known_after_hours IS
  'Age of the reading, rounded down to whole days: 0, 24, 48, 72, … hours after the close.';
COMMENT ON COLUMN marts.restatement_summary.share_known IS
  'known / settled. A ratio of sums; above 1 where the platforms took something back.';
COMMENT ON COLUMN marts.restatement_summary.metric IS 'spend, impressions, clicks, conversions or conversion_value.';
COMMENT ON COLUMN marts.restatement_summary.entity_days IS 'Settled days of entities that were read at that age.';
COMMENT ON COLUMN marts.restatement_summary.days IS 'Different days among them.';
COMMENT ON COLUMN marts.restatement_summary.known IS 'Sum of what was known at that age; money in currency.';
COMMENT ON COLUMN marts.restatement_summary.settled IS 'Sum of what the same days settled at; money in currency.';
COMMENT ON COLUMN marts.restatement_summary.entity_days_that_moved_later IS
  'How many of entity_days had another value at that age than when they settled.';
INSERT INTO measures (relation, column_name, unit, additive) VALUES
  ('marts.restatement_summary', 'known_after_hours', 'hours', false),
  ('marts.restatement_summary', 'entity_days', 'entity-days', false),
  ('marts.restatement_summary', 'days', 'days', false),
  ('marts.restatement_summary', 'known', 'unit of the metric', false),
  ('marts.restatement_summary', 'settled', 'unit of the metric', false),
  ('marts.restatement_summary', 'share_known', 'ratio', false),
  ('marts.restatement_summary', 'entity_days_that_moved_later', 'entity-days', false);

-- marts.late_changes: whether settled days stand, from those that were read again at random (ops.audits).
CREATE OR REPLACE VIEW marts.late_changes AS
WITH audited AS (
{scopes}
),
aged AS (
  SELECT *, [0, 7, 14, 28, 56, 90, 180, 365] AS edges FROM audited
)
SELECT
  scope, platform, currency, list_max(list_filter(edges, edge -> edge <= age_days)) AS age_from_days,
  list_min(list_filter(edges, edge -> edge > age_days)) AS age_until_days,
  count(*) AS entity_days, count(*) FILTER (moved) AS entity_days_that_moved,
  count(*) FILTER (moved) / count(*) AS share_moved,
  CASE WHEN count(*) FILTER (moved) = 0 THEN 1 - pow(0.05, 1.0 / count(*)) END AS share_moved_at_most,
  sum(spend_before) AS spend_before, sum(spend_after) AS spend_after,
  TRY_CAST(sum(conversions_before) AS BIGINT) AS conversions_before,
  TRY_CAST(sum(conversions_after) AS BIGINT) AS conversions_after
FROM aged
GROUP BY scope, platform, currency, age_from_days, age_until_days;

COMMENT ON VIEW marts.late_changes IS
  'One row per scope, platform, currency and age: of settled days that were read again at random (ops.audits), how many had '
  'moved since, and by how much. An empty view: none was read again yet.';
COMMENT ON COLUMN marts.late_changes.currency IS
  'ISO 4217 currency of the money columns; null: several or unknown. Part of the key.';
COMMENT ON COLUMN marts.late_changes.age_from_days IS
  'Whole days between the day''s close and its reading again, at least. Part of the key.';
COMMENT ON COLUMN marts.late_changes.age_until_days IS 'Less than so many days; null: no bound.';
COMMENT ON COLUMN marts.late_changes.entity_days IS 'Settled days of entities that were read again at that age.';
COMMENT ON COLUMN marts.late_changes.entity_days_that_moved IS 'How many of them had another value than the settled one.';
COMMENT ON COLUMN marts.late_changes.share_moved IS 'entity_days_that_moved / entity_days. A ratio: never sum it.';
COMMENT ON COLUMN marts.late_changes.share_moved_at_most IS
  'Where none had moved: the 95 % upper bound of the share that does, 1 - 0.05^(1 / entity_days), as if days were '
  'independent; null: some had.';
COMMENT ON COLUMN marts.late_changes.spend_before IS 'Spend of all of them when they had settled, in currency.';
COMMENT ON COLUMN marts.late_changes.spend_after IS 'Spend of all of them when they were read again, in currency.';
COMMENT ON COLUMN marts.late_changes.conversions_before IS 'Conversions of all of them when they had settled.';
COMMENT ON COLUMN marts.late_changes.conversions_after IS 'Conversions of all of them when they were read again.';
INSERT INTO measures (relation, column_name, unit, additive) VALUES
  ('marts.late_changes', 'age_from_days', 'days', false),
  ('marts.late_changes', 'age_until_days', 'days', false),
  ('marts.late_changes', 'entity_days', 'entity-days', true),
  ('marts.late_changes', 'entity_days_that_moved', 'entity-days', true),
  ('marts.late_changes', 'share_moved', 'ratio', false),
  ('marts.late_changes', 'share_moved_at_most', 'ratio', false),
  ('marts.late_changes', 'spend_before', 'currency of the row', true),
  ('marts.late_changes', 'spend_after', 'currency of the row', true),
  ('marts.late_changes', 'conversions_before', 'count', true),
  ('marts.late_changes', 'conversions_after', 'count', true);

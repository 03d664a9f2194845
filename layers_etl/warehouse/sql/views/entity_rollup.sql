-- marts.{view}: {mart} by {period}. The days read come from the ledger, since a quiet day has no row.
CREATE OR REPLACE VIEW marts.{view} AS
WITH sums AS (
  SELECT
    {key}, currency, {period_of_day} AS {period},
    {sums}
  FROM {mart}
  GROUP BY ALL
),
ledger AS (
  SELECT
    project_id, entity_id,
    list({{'since': since, 'closed_until': closed_until, 'settled_until': settled_until}}) AS intervals
  FROM ops.read_intervals
  WHERE scope = '{scope}'
  GROUP BY ALL
),
counted AS (
  SELECT
    sums.*, {period_end} AS period_end, (period_end - {period})::INTEGER AS days,
    coalesce(list_sum([
      greatest(0, least(part.closed_until, {period_end}) - greatest(part.since, {period})) FOR part IN intervals
    ]), 0)::INTEGER AS days_read,
    coalesce(list_sum([
      greatest(0, least(part.settled_until, {period_end}) - greatest(part.since, {period})) FOR part IN intervals
    ]), 0) AS days_settled
  FROM sums
  LEFT JOIN ledger ON ledger.project_id = sums.project_id AND ledger.entity_id = sums.{id_column}
)
SELECT
  counted.project_id, counted.{id_column}, counted.{period}, entity.name AS {scope}_name, {parents}{account_name}
  entity.platform, counted.currency, {additive}, {rollup_ratios},
  {reach},
  days_settled = days AS settled, days_read, days, period_end > (SELECT last_day + 1 FROM ops.horizon) AS running,
  entity_days, entity_days_complete
FROM counted
LEFT JOIN ops.entities AS entity
  ON entity.scope = '{scope}' AND entity.project_id = counted.project_id AND entity.entity_id = counted.{id_column}
{reach_join};

COMMENT ON VIEW marts.{view} IS
  'One row per {noun}, currency and {period_in_words} with any row in {mart}: sums of its days, ratios of the sums.';
{comments}

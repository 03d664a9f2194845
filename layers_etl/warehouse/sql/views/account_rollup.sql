-- marts.{view}: the ad accounts' own numbers by {keys} and {period}.
-- An account belongs to a sum if it has a row in it, or could have one: it is not gone, and its money is in that currency.
-- The latter decides whether all was read: the numbers of an account that could not be read have no row at all.
CREATE OR REPLACE VIEW marts.{view} AS
WITH sums AS NOT MATERIALIZED (
  SELECT {keys}, {period_of_day} AS {period}, {sums}
  FROM marts.ad_account_daily
  GROUP BY ALL
),
involved AS (
  SELECT {keys}, {period_of_day} AS {period}, ad_account_id
  FROM marts.ad_account_daily
  UNION
  SELECT {summed_keys}, sums.{period}, account.ad_account_id
  FROM sums
  JOIN ads.ad_accounts AS account ON {account_is_summed}
  WHERE account.gone_at IS NULL
),
ledger AS (
  SELECT
    project_id, entity_id AS ad_account_id,
    list({{'since': since, 'closed_until': closed_until, 'settled_until': settled_until}}) AS intervals
  FROM ops.read_intervals
  WHERE scope = 'ad_account'
  GROUP BY ALL
),
readings AS (
  SELECT
    {keys}, {period}, {period_end} AS period_end,
    min(coalesce(list_sum([
      greatest(0, least(part.closed_until, {period_end}) - greatest(part.since, {period})) FOR part IN intervals
    ]), 0))::INTEGER AS days_read,
    min(coalesce(list_sum([
      greatest(0, least(part.settled_until, {period_end}) - greatest(part.since, {period})) FOR part IN intervals
    ]), 0)) AS days_settled
  FROM involved
  LEFT JOIN ledger USING (project_id, ad_account_id)
  GROUP BY ALL
)
SELECT
  {summed_keys}, sums.{period}, project.name AS project_name, {additive}, {ratios}, {reach},
  days_settled = period_end - sums.{period} AS settled, days_read, (period_end - sums.{period})::INTEGER AS days,
  period_end > (SELECT last_day + 1 FROM ops.horizon) AS running
FROM sums
JOIN readings ON readings.{period} = sums.{period} AND {readings_are_of_sums}
LEFT JOIN ads.projects AS project ON project.project_id = sums.project_id;

COMMENT ON VIEW marts.{view} IS
  'One row per {grain_in_words} and {period_in_words} with any row in marts.ad_account_daily: sums of the ad accounts'' own '
  'numbers (not of their campaigns''; marts.reconciliation holds these together), ratios of the sums.';
{comments}

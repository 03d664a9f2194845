-- marts.{view}: {mart} by {keys} and {period}.
-- What is known under several ids (ops.duplicate_ids) counts once: its days, and of the ids' readings the most.
-- One belongs to a sum if it has a row in it, or could have one: it is not gone, and its money is in that currency.
-- The latter decides whether all was read: what could not be read has no row at all.
CREATE OR REPLACE VIEW marts.{view} AS
WITH uncounted AS (
  SELECT project_id, entity_id AS {id_column}, day FROM ops.uncounted_days WHERE scope = '{scope}'
),
sums AS NOT MATERIALIZED (
  SELECT {keys}, {period_of_day} AS {period}, {sums}
  FROM {mart}
  ANTI JOIN uncounted USING (project_id, {id_column}, day)
  GROUP BY ALL
),
involved AS (
  SELECT {keys}, {period_of_day} AS {period}, {id_column} AS entity_id
  FROM {mart}
  ANTI JOIN uncounted USING (project_id, {id_column}, day)
  UNION
  SELECT {summed_keys}, sums.{period}, entity.entity_id
  FROM sums
  JOIN ops.entities AS entity ON entity.scope = '{scope}' AND {entity_is_summed}
  WHERE entity.gone_at IS NULL
),
ledger AS (
  SELECT
    project_id, entity_id,
    list({{'since': since, 'closed_until': closed_until, 'settled_until': settled_until}}) AS intervals
  FROM ops.read_intervals
  WHERE scope = '{scope}'
  GROUP BY ALL
),
read_ids AS (
  SELECT
    involved.*, {period_end} AS period_end, coalesce(id.counts_as, entity_id) AS counts_as,
    coalesce(list_sum([
      greatest(0, least(part.closed_until, {period_end}) - greatest(part.since, {period})) FOR part IN intervals
    ]), 0) AS days_read,
    coalesce(list_sum([
      greatest(0, least(part.settled_until, {period_end}) - greatest(part.since, {period})) FOR part IN intervals
    ]), 0) AS days_settled
  FROM involved
  LEFT JOIN ledger USING (project_id, entity_id)
  LEFT JOIN (SELECT * FROM ops.duplicate_ids WHERE scope = '{scope}') AS id USING (project_id, entity_id)
),
readings AS (
  SELECT
    {keys}, {period}, period_end, min(days_read)::INTEGER AS days_read, min(days_settled) AS days_settled
  FROM (
    SELECT
      {keys}, {period}, period_end, counts_as, max(days_read) AS days_read, max(days_settled) AS days_settled
    FROM read_ids
    GROUP BY ALL
  )
  GROUP BY ALL
)
SELECT
  {summed_keys}, sums.{period}, project.name AS project_name, {additive}, {ratios}, {reach},
  days_settled = period_end - sums.{period} AS settled, days_read, (period_end - sums.{period})::INTEGER AS days,
  period_end > (SELECT last_day + 1 FROM ops.horizon) AS running, entity_days, entity_days_complete
FROM sums
JOIN readings ON readings.{period} = sums.{period} AND {readings_are_of_sums}
LEFT JOIN ads.projects AS project ON project.project_id = sums.project_id;

COMMENT ON VIEW marts.{view} IS
  'One row per {grain_in_words} and {period_in_words} with any row in {mart}: sums of {numbers}, ratios of the sums.';
{comments}

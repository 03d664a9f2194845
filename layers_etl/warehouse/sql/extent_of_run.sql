-- The first day that a run read, when it began to read, and the last day that had closed. What the runs that it continues
-- had read before they broke off is its own. Settled days read again at random are of one entity: they tell of no sum.
WITH RECURSIVE chain AS (
  SELECT $run_id AS run_id
  UNION
  SELECT run.continues FROM ops.runs AS run JOIN chain USING (run_id) WHERE run.continues IS NOT NULL
)
SELECT min(since), min(read_at), (SELECT last_day FROM ops.horizon)
FROM ops.readings
ANTI JOIN ops.audits USING (run_id, scope, project_id, entity_id, since, until)
WHERE run_id IN (SELECT run_id FROM chain);

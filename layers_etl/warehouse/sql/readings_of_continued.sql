-- What the run $continued, and those it continued in turn, had landed of one scope.
WITH RECURSIVE chain AS (
  SELECT run_id, continues FROM ops.runs WHERE run_id = $continued
  UNION
  SELECT earlier.run_id, earlier.continues FROM ops.runs AS earlier JOIN chain ON earlier.run_id = chain.continues
)
SELECT project_id, list(entity_id) AS entity_ids, since, until, read_at
FROM ops.readings
WHERE scope = $scope AND run_id IN (SELECT run_id FROM chain)
GROUP BY ALL;

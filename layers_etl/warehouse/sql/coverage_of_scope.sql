-- The ledger of one scope in the order of its days: each interval with the entities of a project that were read alike.
SELECT project_id, list(entity_id) AS entity_ids, since, until, read_at, lag_hours, coalesce(held, false) AS held
FROM ops.coverage
WHERE scope = $scope
GROUP BY ALL
ORDER BY since;

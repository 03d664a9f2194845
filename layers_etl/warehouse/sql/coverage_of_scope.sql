SELECT project_id, entity_id, since, until, read_at, lag_hours, coalesce(held, false) AS held
FROM ops.coverage
WHERE scope = $scope
ORDER BY project_id, entity_id, since;

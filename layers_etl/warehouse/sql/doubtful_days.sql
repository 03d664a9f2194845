-- Days of one scope that are open by a doubt, the newest doubts first; is_new: since $read_since.
SELECT
  scope, entity_id, entity.name, day, kind, reason, first_seen_at, first_seen_at >= $read_since AS is_new
FROM ops.doubtful_days
LEFT JOIN ops.entities AS entity USING (scope, project_id, entity_id)
WHERE scope = $scope AND field IS NULL
ORDER BY first_seen_at DESC, project_id, entity_id, day;

-- Days that a batch speaks of twice: the write would silently keep one answer, or both, and double their history.
SELECT project_id, entity_id, day
FROM incoming_buckets
JOIN incoming_windows USING (window_id)
GROUP BY ALL
HAVING count(*) > 1
UNION ALL
SELECT one.project_id, one.entity_id, greatest(one.since, other.since) AS day
FROM incoming_windows AS one
JOIN incoming_windows AS other
  ON one.project_id = other.project_id AND one.entity_id = other.entity_id AND one.window_id < other.window_id
WHERE one.since < other.until AND other.since < one.until
LIMIT 1;

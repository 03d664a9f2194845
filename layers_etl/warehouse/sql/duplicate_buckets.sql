-- Keys that a batch holds twice: the write would silently keep one of them, or both.
SELECT project_id, entity_id, day
FROM incoming_buckets
JOIN incoming_windows USING (window_id)
GROUP BY ALL
HAVING count(*) > 1
LIMIT 1;

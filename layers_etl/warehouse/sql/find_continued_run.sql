-- A retry names its run; otherwise the newest run of the same request counts, and only if it was interrupted.
WITH newest AS (
  SELECT * FROM ops.runs WHERE request = $request ORDER BY started_at DESC LIMIT 1
)
SELECT run_id, fresh_since FROM ops.runs WHERE run_id = $retry_of
UNION ALL
SELECT run_id, fresh_since FROM newest
WHERE status = $interrupted AND instant BETWEEN $earliest AND $latest
LIMIT 1;

-- A retry names its run, which counts unless it succeeded; otherwise the newest run of the same request counts, and only
-- if it was interrupted. Neither counts if it stood for an instant too far off.
SELECT run_id, fresh_since
FROM ops.runs
WHERE instant BETWEEN $earliest AND $latest
  AND (
    (run_id = $retry_of AND status <> $succeeded)
    OR (
      status = $interrupted
      AND run_id = (SELECT run_id FROM ops.runs WHERE request = $request ORDER BY started_at DESC LIMIT 1)
    )
  )
ORDER BY run_id IS NOT DISTINCT FROM $retry_of DESC
LIMIT 1;

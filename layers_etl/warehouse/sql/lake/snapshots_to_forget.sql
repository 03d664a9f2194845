-- Publications that are older than $keep_days, and what care left between them; never the newest publication, nor the
-- newest snapshot of all.
WITH snapshots AS (
  SELECT snapshot_id, snapshot_time, author IS NOT DISTINCT FROM $author AS is_publication FROM lake.snapshots()
)
SELECT coalesce(list(snapshot_id), [])
FROM snapshots
WHERE (NOT is_publication OR snapshot_time < now() - to_days($keep_days))
  AND snapshot_id < (SELECT max(snapshot_id) FROM snapshots)
  AND snapshot_id IS DISTINCT FROM (SELECT max(snapshot_id) FROM snapshots WHERE is_publication);

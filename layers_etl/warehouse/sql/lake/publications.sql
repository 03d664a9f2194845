-- The publications that a lake still has, oldest first.
SELECT snapshot_id, snapshot_time, commit_message FROM lake.snapshots() WHERE author = 'layers_etl' ORDER BY snapshot_id;

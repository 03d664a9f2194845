-- The first day that a run read, when it began to read, and the last day that had closed.
SELECT min(since), min(read_at), (SELECT last_day FROM ops.horizon) FROM ops.readings WHERE run_id = $run_id;

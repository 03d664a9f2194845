-- Intervals of the ledger that say a day was read after $now, which nobody can have: they go, so that their days are read
-- again, and the marts show until then that they are not settled.
CREATE OR REPLACE TEMP TABLE impossible_coverage AS
FROM ops.coverage WHERE coalesce(read_at, ops.after_close(until - 1, lag_hours)) > $now::TIMESTAMPTZ;

DELETE FROM ops.coverage WHERE coalesce(read_at, ops.after_close(until - 1, lag_hours)) > $now::TIMESTAMPTZ;

INSERT INTO ops.changed_days BY NAME
SELECT scope, project_id, entity_id, since, until, (SELECT revision + 1 FROM ops.revision) AS revision
FROM impossible_coverage;

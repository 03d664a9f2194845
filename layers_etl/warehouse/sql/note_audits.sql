-- ops.audits for the settled windows of one scope in incoming_audits (project_id, entity_id, platform, since, until,
-- read_at) that were read again: a day moved if its settled value was superseded by that reading.
INSERT INTO ops.audits BY NAME
SELECT
  $run_id AS run_id, '{scope}' AS scope, audit.project_id, audit.entity_id, audit.platform, audit.since, audit.until,
  audit.read_at, audit.until - audit.since AS days, count(changed.day) AS moved_days
FROM incoming_audits AS audit
LEFT JOIN ads.{scope}_metrics_history AS changed
  ON changed.project_id = audit.project_id AND changed.{id_column} = audit.entity_id
 AND changed.day >= audit.since AND changed.day < audit.until
 AND changed.settled AND changed.superseded_at >= audit.read_at AND changed.last_observed_at < changed.superseded_at
GROUP BY ALL;

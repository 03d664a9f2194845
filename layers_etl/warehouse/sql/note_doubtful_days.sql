-- ops.doubtful_days follows a batch: what was doubted of a day before is over, unless it is doubted now.
-- doubts and incoming_windows as in upsert_readings.sql; incoming_doubts: what the answers themselves showed (project_id,
-- entity_id, day, field, reason).
CREATE OR REPLACE TEMP TABLE doubted_days AS
SELECT project_id, entity_id, day, NULL::VARCHAR AS field, kind, reason FROM doubts
UNION ALL
SELECT project_id, entity_id, day, field, 'unbelievable', reason FROM incoming_doubts;

CREATE OR REPLACE TEMP TABLE doubted_before AS
SELECT stored.*
FROM ops.doubtful_days AS stored
JOIN incoming_windows
  ON stored.project_id = incoming_windows.project_id AND stored.entity_id = incoming_windows.entity_id
 AND stored.day >= incoming_windows.since AND stored.day < incoming_windows.until
WHERE stored.scope = $scope;

DELETE FROM ops.doubtful_days AS stored
USING doubted_before AS before
WHERE stored.scope = before.scope AND stored.project_id = before.project_id AND stored.entity_id = before.entity_id
  AND stored.day = before.day;

INSERT INTO ops.doubtful_days BY NAME
SELECT
  $scope AS scope, doubted.project_id, doubted.entity_id, doubted.day, doubted.field, doubted.kind, doubted.reason,
  coalesce(min(before.first_seen_at), any_value(read_at)) AS first_seen_at, any_value(read_at) AS last_seen_at,
  any_value(incoming_windows.request_id) AS request_id
FROM doubted_days AS doubted
JOIN incoming_windows
  ON doubted.project_id = incoming_windows.project_id AND doubted.entity_id = incoming_windows.entity_id
 AND doubted.day >= incoming_windows.since AND doubted.day < incoming_windows.until
LEFT JOIN doubted_before AS before
  ON before.project_id = doubted.project_id AND before.entity_id = doubted.entity_id AND before.day = doubted.day
 AND before.kind = doubted.kind AND before.field IS NOT DISTINCT FROM doubted.field
GROUP BY ALL;

-- Ratios of a batch of readings that their own primitives do not give: findings, which keep nothing from landing.
-- incoming_mismatches: one row per finding (reading, day, metric, reported, recomputed); incoming_windows and doubts as
-- in upsert_readings.sql. What was found in numbers that this batch replaces is over.
DELETE FROM ops.ratio_mismatches AS stored
USING incoming_windows AS landed
WHERE stored.scope = $scope AND stored.project_id = landed.project_id AND stored.entity_id = landed.entity_id
  AND stored.day >= landed.since AND stored.day < landed.until AND landed.served
  AND NOT list_contains(landed.unread_days, stored.day)
  AND NOT EXISTS (
    SELECT 1 FROM doubts
    WHERE doubts.stands AND doubts.project_id = stored.project_id AND doubts.entity_id = stored.entity_id
      AND doubts.day = stored.day
  );

INSERT INTO ops.ratio_mismatches BY NAME
SELECT $scope AS scope, project_id, entity_id, day, metric, reported, recomputed, read_at
FROM incoming_mismatches
JOIN incoming_windows ON incoming_windows.window_id = incoming_mismatches.reading;

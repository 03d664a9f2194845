-- Ratios of a batch of readings that their own primitives do not give: findings, which keep nothing from landing.
-- incoming_mismatches: one row per finding (reading, day, metric, reported, recomputed); incoming_windows as in
-- upsert_readings.sql.
INSERT INTO ops.ratio_mismatches BY NAME
SELECT $scope AS scope, project_id, entity_id, day, metric, reported, recomputed, read_at
FROM incoming_mismatches
JOIN incoming_windows ON incoming_windows.window_id = incoming_mismatches.reading;

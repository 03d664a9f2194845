-- Ratios the API reported with the numbers that stand now, and that these numbers do not give; the furthest off first.
SELECT mismatch.project_id, mismatch.entity_id, mismatch.day, mismatch.metric, mismatch.reported, mismatch.recomputed
FROM ops.ratio_mismatches AS mismatch
JOIN ads.{scope}_metrics AS measured
  ON measured.project_id = mismatch.project_id AND measured.{id_column} = mismatch.entity_id
 AND measured.day = mismatch.day AND measured.observed_at = mismatch.read_at
WHERE mismatch.scope = '{scope}'
ORDER BY abs(reported - recomputed) / greatest(abs(recomputed), 0.0001) DESC, mismatch.day DESC;

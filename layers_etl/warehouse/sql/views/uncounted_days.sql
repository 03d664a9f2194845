-- ops.uncounted_days: each day of what is known under several ids (ops.duplicate_ids) counts once, under one of them.
CREATE OR REPLACE VIEW ops.uncounted_days AS
{days};

COMMENT ON VIEW ops.uncounted_days IS
  'One row per day that an id of an ad account or campaign has, and a better id of the same one too: rollups and '
  'reconciliations leave its row out. Empty: every row counts.';
COMMENT ON COLUMN ops.uncounted_days.counts_as IS 'The id that the ad account or campaign counts as.';

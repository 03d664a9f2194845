-- The settled column of weekly reach after ops.settling or the ledger changed: a week is settled once it was read late
-- enough, unless a day of it is held.
UPDATE ads.{scope}_reach_weekly AS measured
SET settled = NOT settled
WHERE settled <> (
  observed_at >= ops.after_close(week + 6, ops.hours_to_settle(platform))
  AND NOT EXISTS (
    SELECT 1 FROM ops.coverage AS held
    WHERE held.held AND held.scope = '{scope}' AND held.project_id = measured.project_id
      AND held.entity_id = measured.{id_column} AND held.since < measured.week + 7 AND held.until > measured.week
  )
);

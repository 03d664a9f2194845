-- The settled column of weekly reach after ops.settling changed.
UPDATE ads.{scope}_reach_weekly
SET settled = NOT settled
WHERE settled <> (observed_at >= (week + 7)::TIMESTAMPTZ + to_hours(ops.hours_to_settle(platform)));

-- Whether a publication is of this warehouse's past: its state was published from here or is the one now, or its run ran here.
SELECT
  EXISTS (FROM ops.published_states WHERE state_id = $state_id)
  OR EXISTS (FROM ops.revision WHERE state_id = $state_id)
  OR EXISTS (FROM ops.runs WHERE run_id = $run_id);

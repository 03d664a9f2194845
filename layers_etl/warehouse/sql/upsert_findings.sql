-- What a run found of its checks (incoming_findings) takes the place of what stood. As long as a check passes, warns or
-- fails, it does so since the first run that found it so.

CREATE OR REPLACE TEMP TABLE found AS
SELECT
  incoming.*,
  if(
    standing.passed = incoming.passed AND standing.is_error = incoming.is_error, standing.since, $instant::TIMESTAMPTZ
  ) AS since,
  $instant::TIMESTAMPTZ AS found_at,
  $run_id AS run_id
FROM incoming_findings AS incoming
LEFT JOIN ops.findings AS standing USING (asset, check_name);

DELETE FROM ops.findings AS standing
WHERE EXISTS (FROM found WHERE found.asset = standing.asset AND found.check_name = standing.check_name);

INSERT INTO ops.findings BY NAME FROM found;

-- Checks that are held no more: their scope is no longer read.
DELETE FROM ops.findings AS standing
WHERE NOT EXISTS (FROM held_checks AS held WHERE held.asset = standing.asset AND held.check_name = standing.check_name);

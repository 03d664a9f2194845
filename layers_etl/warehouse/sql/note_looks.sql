-- The looks at running days in incoming_looks beside those of their entities before $read_since (domain/glimpses.py).
DELETE FROM ops.running_days AS stored
USING incoming_looks AS incoming
WHERE stored.project_id = incoming.project_id
  AND stored.ad_account_id = incoming.ad_account_id
  AND (
    stored.scope IS NULL
    OR (
      stored.scope = incoming.scope
      AND stored.entity_id = incoming.entity_id
      AND stored.seen_at < (
        SELECT max(before.seen_at)
        FROM ops.running_days AS before
        WHERE before.scope = stored.scope
          AND before.project_id = stored.project_id
          AND before.entity_id = stored.entity_id
          AND before.seen_at < $read_since
      )
    )
  );

INSERT INTO ops.running_days BY NAME SELECT * FROM incoming_looks;

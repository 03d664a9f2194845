-- The running day of each account in incoming_running_days (project_id, ad_account_id, day, seen_at) was seen with activity.
DELETE FROM ops.running_days AS stored
USING incoming_running_days AS incoming
WHERE stored.project_id = incoming.project_id AND stored.ad_account_id = incoming.ad_account_id;

INSERT INTO ops.running_days BY NAME SELECT * FROM incoming_running_days;

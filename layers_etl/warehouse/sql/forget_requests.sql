-- What ops keeps for LAYERS_REQUEST_LOG_DAYS only: requests made, their ids, failures, answers and fields put
-- aside, before $before.
DELETE FROM ops.requests WHERE started_at < $before;

DELETE FROM ops.failures WHERE failed_at < $before;

DELETE FROM ops.untrusted_answers WHERE received_at < $before;

DELETE FROM ops.odd_fields WHERE noted_at < $before;

-- Half of the ledger's evidence, by size, serves only the API's support. By this machine's clock, as all of the log.
UPDATE ops.readings SET request_id = NULL
WHERE request_id IS NOT NULL AND run_id IN (SELECT run_id FROM ops.runs WHERE started_at < $before);

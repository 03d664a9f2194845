INSERT INTO ops.runs BY NAME
SELECT
  $run_id AS run_id, $kind AS kind, $request AS request, $instant AS instant, $fresh_since AS fresh_since,
  $continues AS continues, $started_at AS started_at, $status AS status, 0 AS windows_read, 0 AS entities_failed;

DELETE FROM ops.publication;

INSERT INTO ops.publication BY NAME
SELECT $run_id AS run_id, $published_at AS published_at, $instant AS instant, $settled_until AS settled_until,
  $settled_until_but_for_doubtful AS settled_until_but_for_doubtful, $state_id AS state_id;

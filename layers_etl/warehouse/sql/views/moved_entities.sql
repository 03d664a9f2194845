-- ops.moved_entities: the one place that knows in which ad account a day was spent, of what has been in several.
-- The UTC day on which a move was first seen is the first in the new account. What the days before the first listing
-- belonged to is not known: they go with the first account.
CREATE OR REPLACE VIEW ops.moved_entities AS
WITH listed AS (
  {scopes}
),
by_day AS (
  SELECT
    scope, project_id, entity_id, ops.utc_day(valid_from) AS since,
    arg_max(ad_account_id, valid_from) AS ad_account_id
  FROM listed
  GROUP BY ALL
  UNION ALL
  SELECT scope, project_id, entity_id, DATE '0001-01-01', arg_min(ad_account_id, valid_from) FROM listed GROUP BY ALL
),
moves AS (
  SELECT *
  FROM by_day
  QUALIFY ad_account_id IS DISTINCT FROM lag(ad_account_id) OVER (
    PARTITION BY scope, project_id, entity_id ORDER BY since
  )
)
SELECT
  scope, moves.project_id, entity_id, moves.ad_account_id, since,
  coalesce(
    lead(since) OVER (PARTITION BY scope, moves.project_id, entity_id ORDER BY since), DATE '9999-12-31'
  ) AS until,
  account.currency
FROM moves
LEFT JOIN ads.ad_accounts AS account
  ON account.project_id = moves.project_id AND account.ad_account_id = moves.ad_account_id;

COMMENT ON VIEW ops.moved_entities IS
  'One row per stretch of days that an entity spent in one ad account; only of entities that have been in several. The '
  'UTC day on which a listing first showed the move is the first in the new account. Empty: none has moved.';
COMMENT ON COLUMN ops.moved_entities.ad_account_id IS 'The ad account that these days were spent in.';
COMMENT ON COLUMN ops.moved_entities.since IS 'First UTC day. Inclusive; 0001-01-01: from the first.';
COMMENT ON COLUMN ops.moved_entities.until IS 'Day after the last. Exclusive; 9999-12-31: it is there now.';
COMMENT ON COLUMN ops.moved_entities.currency IS
  'ISO 4217 currency of that account, and so of the money of these days.';

-- One transaction lands a batch of readings of one scope.
-- incoming_windows: one row per answer (window_id, project_id, entity_id, since, until, read_at, ad_account_id that the
--   entity belongs to now, platform, currency, request_id, served, metrics asked for, unread_days, accepts_vanishing);
--   incoming_buckets: its rows (window_id, day, measures); known_days, doubts and lost_values: what stands of their
--   days, and which are not taken as they came (find_doubtful_days.sql); incoming_settled: the windows (project_id,
--   entity_id, since, until) that the new ledger calls settled, none of which overlaps another of its entity.
-- A complete answer replaces (rule 3): the days of the window that it no longer holds go, into history. What stands of a
-- day that the API does not serve at all, that was not read, or that is doubtful and stands, stays.

CREATE OR REPLACE TEMP TABLE standing_rows AS
SELECT known.* EXCLUDE (entity_id, accepts_vanishing, was_not_read)
FROM known_days AS known
ANTI JOIN (SELECT * FROM doubts WHERE stands) AS kept USING (project_id, entity_id, day)
WHERE NOT known.was_not_read;

-- A day keeps the account that it was spent in, and so the currency of its money, however late it is read.
CREATE OR REPLACE TEMP TABLE moved AS
FROM ops.moved_entities SEMI JOIN incoming_windows USING (project_id, entity_id) WHERE scope = '{scope}';

CREATE OR REPLACE TEMP TABLE landing_rows AS
WITH came AS (
  SELECT
    incoming_windows.project_id, {incoming_id_as_key}incoming_buckets.day,
    coalesce(moved.ad_account_id, incoming_windows.ad_account_id) AS spent_in, platform,
    CASE WHEN moved.since IS NULL THEN incoming_windows.currency ELSE moved.currency END AS currency,
    {measures}, has_reach, has_frequency, read_at AS observed_at,
    CASE WHEN lost.day IS NULL THEN has_conversion_value ELSE lost.taken_away END AS has_conversion_value,
    settling.since IS NOT NULL AS settled
  FROM incoming_buckets
  JOIN incoming_windows USING (window_id)
  LEFT JOIN moved
    ON moved.project_id = incoming_windows.project_id AND moved.entity_id = incoming_windows.entity_id
   AND incoming_buckets.day >= moved.since AND incoming_buckets.day < moved.until
  LEFT JOIN incoming_settled AS settling
    ON settling.project_id = incoming_windows.project_id AND settling.entity_id = incoming_windows.entity_id
   AND incoming_buckets.day >= settling.since AND incoming_buckets.day < settling.until
  LEFT JOIN lost_values AS lost
    ON lost.project_id = incoming_windows.project_id AND lost.entity_id = incoming_windows.entity_id
   AND lost.day = incoming_buckets.day
  ANTI JOIN (SELECT * FROM doubts WHERE stands) AS kept
    ON kept.project_id = incoming_windows.project_id AND kept.entity_id = incoming_windows.entity_id
   AND kept.day = incoming_buckets.day
),
-- What is not known now, and a metric that was not asked for, overwrites nothing. Beside each row what stands, as one
-- value.
incoming AS (
  SELECT
    came.* EXCLUDE (spent_in, has_conversion_value, has_reach, has_frequency)
    REPLACE (
      coalesce(came.platform, standing.platform) AS platform,
      coalesce(came.currency, standing.currency) AS currency,
      CASE WHEN has_conversion_value THEN came.conversion_value ELSE standing.conversion_value END AS conversion_value,
      CASE WHEN has_reach THEN came.reach ELSE standing.reach END AS reach,
      CASE WHEN has_frequency THEN came.frequency ELSE standing.frequency END AS frequency
    ),
    {known_account}standing
  FROM came
  LEFT JOIN standing_rows AS standing USING ({key}, day)
)
SELECT
  * EXCLUDE (standing) REPLACE (greatest(observed_at, standing.observed_at) AS observed_at),
  standing.day IS NOT NULL AND NOT ({measures_differ}) AS unchanged,
  CASE WHEN unchanged THEN standing.first_observed_at ELSE greatest(incoming.observed_at, standing.observed_at) END
    AS first_observed_at
FROM incoming;

INSERT INTO ads.{scope}_metrics_history BY NAME
SELECT
  {key}, day, {account_column}platform, currency, {measures}, settled,
  first_observed_at AS observed_at, observed_at AS last_observed_at, superseded_at
FROM standing_rows
ANTI JOIN (SELECT * FROM landing_rows WHERE unchanged) AS confirmed USING ({key}, day)
ORDER BY day, {key};

DELETE FROM ads.{scope}_metrics AS stored
USING standing_rows
WHERE stored.project_id = standing_rows.project_id
  AND stored.{id_column} = standing_rows.{id_column}
  AND stored.day = standing_rows.day
  AND stored.day >= (SELECT min(since) FROM incoming_windows)
  AND stored.day < (SELECT max(until) FROM incoming_windows);

INSERT INTO ads.{scope}_metrics BY NAME
SELECT * EXCLUDE (unchanged) FROM landing_rows ORDER BY day, {key};

-- What stands in spite of an answer is marked: it is no longer taken for final.
UPDATE ads.{scope}_metrics AS stored
SET settled = false
FROM doubts
WHERE doubts.stands AND stored.settled
  AND stored.project_id = doubts.project_id AND stored.{id_column} = doubts.entity_id AND stored.day = doubts.day;

INSERT INTO ops.readings BY NAME
SELECT '{scope}' AS scope, project_id, entity_id, since, until, read_at, $run_id AS run_id, request_id
FROM incoming_windows;

INSERT INTO ops.changed_days BY NAME
SELECT '{scope}' AS scope, project_id, entity_id, since, until, (SELECT revision + 1 FROM ops.revision) AS revision
FROM incoming_windows;

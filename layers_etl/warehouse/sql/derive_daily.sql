-- marts.<scope>_daily for what ops.changed_days has since it was derived last: exactly the days that changed, no others.
-- A window may be named twice (landed and renamed), hence the semi join.

CREATE OR REPLACE TEMP TABLE stale AS
SELECT DISTINCT project_id, entity_id, since, until
FROM ops.changed_days
WHERE scope = '{scope}'
  AND revision > (SELECT coalesce(max(revision), 0) FROM ops.derived_marts WHERE scope = '{scope}');

-- The bounds of all windows come first: by these alone most of a table ordered by day is never read.
CREATE OR REPLACE TEMP MACRO is_stale(of_project, of_entity, of_day) AS
  of_day >= (SELECT min(since) FROM stale)
  AND of_day < (SELECT max(until) FROM stale)
  AND EXISTS (
    SELECT 1 FROM stale
    WHERE stale.project_id = of_project AND stale.entity_id = of_entity AND of_day >= stale.since AND of_day < stale.until
  );

DELETE FROM {mart} AS derived WHERE is_stale(derived.project_id, derived.{id_column}, derived.day);

INSERT INTO {mart} BY NAME
SELECT
  {measured_key}, measured.day,
  entity.name AS {scope}_name, {measured_account}{parents_below_account}
  measured.platform, measured.currency, {measures}, {ratios},
  measured.settled, measured.observed_at
FROM ads.{scope}_metrics AS measured
LEFT JOIN ops.entities AS entity
  ON entity.scope = '{scope}' AND entity.project_id = measured.project_id AND entity.entity_id = measured.{id_column}
LEFT JOIN ads.ad_accounts AS account
  ON account.project_id = measured.project_id AND account.ad_account_id = {day_account}
WHERE is_stale(measured.project_id, measured.{id_column}, measured.day)
ORDER BY measured.day, {measured_key};

-- What was published before it was derived is noted once more: in that publication the mart was as it had been.
INSERT INTO ops.changed_days BY NAME
SELECT DISTINCT scope, project_id, entity_id, since, until, (SELECT revision + 1 FROM ops.revision) AS revision
FROM ops.changed_days
WHERE scope = '{scope}'
  AND revision > (SELECT coalesce(max(revision), 0) FROM ops.derived_marts WHERE scope = '{scope}')
  AND revision <= (SELECT max(revision) FROM ops.published_states);

-- In step with all that was noted up to and within this transaction.
DELETE FROM ops.derived_marts WHERE scope = '{scope}';

INSERT INTO ops.derived_marts BY NAME
SELECT '{scope}' AS scope, revision + 1 AS revision FROM ops.revision;

-- The stale days of marts.<scope>_daily within [$since, $until): by these bounds most of a table ordered by day is never
-- read.
DELETE FROM {mart} AS derived
USING stale_days
WHERE stale_days.project_id = derived.project_id AND stale_days.entity_id = derived.{id_column}
  AND stale_days.day = derived.day
  AND derived.day >= $since AND derived.day < $until;

INSERT INTO {mart} BY NAME
SELECT
  {measured_key}, measured.day,
  entity.name AS {scope}_name, {measured_account}{parents_below_account}
  measured.platform, measured.currency, {measures}, {ratios},
  measured.settled, measured.observed_at
FROM ads.{scope}_metrics AS measured
SEMI JOIN stale_days
  ON stale_days.project_id = measured.project_id AND stale_days.entity_id = measured.{id_column}
 AND stale_days.day = measured.day
LEFT JOIN ops.entities AS entity
  ON entity.scope = '{scope}' AND entity.project_id = measured.project_id AND entity.entity_id = measured.{id_column}
LEFT JOIN ads.ad_accounts AS account
  ON account.project_id = measured.project_id AND account.ad_account_id = {day_account}
WHERE measured.day >= $since AND measured.day < $until
ORDER BY measured.day, {measured_key};

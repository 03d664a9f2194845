-- The account of the days of an older file, as far as its listings know it. Not by fill_in_days.sql, which would take
-- gigabytes for millions of days.
UPDATE ads.{scope}_metrics AS measured
SET spent_in_account_id = entity.ad_account_id
FROM ops.entities AS entity
WHERE measured.spent_in_account_id IS NULL
  AND entity.scope = '{scope}' AND entity.project_id = measured.project_id AND entity.entity_id = measured.{id_column};

UPDATE ads.{scope}_metrics AS measured
SET spent_in_account_id = moved.ad_account_id
FROM ops.moved_entities AS moved
WHERE moved.scope = '{scope}' AND moved.project_id = measured.project_id AND moved.entity_id = measured.{id_column}
  AND measured.day >= moved.since AND measured.day < moved.until;

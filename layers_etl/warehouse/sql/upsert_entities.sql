-- One transaction lands listings of one scope and $project_ids (incoming_entities), seen at $seen_at.
-- An entity that the listing of $wholly_listed no longer holds stays, marked as not listed.
-- Time never runs back: a run that stands for the past, or a server whose clock steps back, sees what came after.

CREATE OR REPLACE TEMP TABLE entities_before AS FROM ops.entities WHERE project_id IN (SELECT unnest($project_ids));

CREATE OR REPLACE TEMP TABLE listed_entities AS
SELECT * FROM incoming_entities
UNION ALL BY NAME
SELECT {key}, {versioned_as_unlisted}, {unversioned}attributes
FROM {entity_table} AS stored
ANTI JOIN incoming_entities USING ({key})
WHERE stored.project_id IN (SELECT unnest($wholly_listed));

CREATE OR REPLACE TEMP TABLE changed_entities AS
SELECT listed.*
FROM listed_entities AS listed
LEFT JOIN {entity_table} AS stored USING ({key})
WHERE stored.first_listed_at IS NULL OR {versions_differ};

UPDATE {entity_history} AS version
SET valid_to = greatest($seen_at, version.valid_from)
FROM changed_entities AS changed
WHERE version.valid_to IS NULL AND {version_is_changed};

INSERT INTO {entity_history} BY NAME
SELECT {key}, {versioned}, greatest($seen_at, earlier.ended_at) AS valid_from, NULL AS valid_to
FROM changed_entities
LEFT JOIN (SELECT {key}, max(valid_to) AS ended_at FROM {entity_history} GROUP BY ALL) AS earlier USING ({key});

CREATE OR REPLACE TEMP TABLE latest_entities AS
SELECT
  listed.*,
  coalesce(stored.first_listed_at, $seen_at) AS first_listed_at,
  CASE WHEN listed.listed THEN greatest($seen_at, stored.last_listed_at) ELSE stored.last_listed_at END
    AS last_listed_at,
  CASE WHEN listed.listed AND NOT stored.listed THEN NULL ELSE stored.gone_at END AS gone_at
FROM listed_entities AS listed
LEFT JOIN {entity_table} AS stored USING ({key});

DELETE FROM {entity_table} AS stored
USING latest_entities AS latest
WHERE {stored_is_latest};

INSERT INTO {entity_table} BY NAME SELECT * FROM latest_entities ORDER BY {key};

-- The daily marts show an entity's name, its account's, and its place: also of what is below the listed scope.
-- What has moved shows the names of its former accounts too.
INSERT INTO ops.stale_marts BY NAME
WITH changed AS (
  SELECT * EXCLUDE (platform, currency, gone_at) FROM ops.entities WHERE project_id IN (SELECT unnest($project_ids))
  EXCEPT
  SELECT * EXCLUDE (platform, currency, gone_at) FROM entities_before
)
SELECT scope, project_id, entity_id, '0001-01-01' AS since, '9999-12-31' AS until
FROM (
  SELECT scope, project_id, entity_id FROM changed
  UNION
  SELECT moved.scope, project_id, moved.entity_id
  FROM changed
  JOIN ops.moved_entities AS moved USING (project_id, ad_account_id)
  WHERE changed.scope = 'ad_account'
)
SEMI JOIN entities_before USING (scope, project_id, entity_id);

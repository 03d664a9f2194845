-- One transaction lands a whole listing of one scope and project (incoming_entities), seen at $seen_at.
-- An entity that the listing no longer holds stays, marked as not listed.

CREATE OR REPLACE TEMP TABLE listed_entities AS
SELECT * FROM incoming_entities
UNION ALL BY NAME
SELECT {key}, {versioned_as_unlisted}, {unversioned}attributes
FROM {entity_table} AS stored
ANTI JOIN incoming_entities USING ({key})
WHERE stored.project_id IN (SELECT unnest($project_ids));

CREATE OR REPLACE TEMP TABLE changed_entities AS
SELECT listed.*
FROM listed_entities AS listed
LEFT JOIN {entity_table} AS stored USING ({key})
WHERE stored.first_listed_at IS NULL OR {versions_differ};

UPDATE {entity_history} AS version
SET valid_to = $seen_at
FROM changed_entities AS changed
WHERE version.valid_to IS NULL AND {version_is_changed};

INSERT INTO {entity_history} BY NAME
SELECT {key}, {versioned}, $seen_at AS valid_from, NULL AS valid_to FROM changed_entities;

CREATE OR REPLACE TEMP TABLE renamed_entities AS
SELECT {changed_key}
FROM changed_entities AS changed
JOIN {entity_table} AS stored USING ({key})
WHERE {mart_columns_differ};

INSERT INTO ops.stale_marts
SELECT '{scope}', project_id, {id_column}, '0001-01-01', '9999-12-31' FROM renamed_entities;

CREATE OR REPLACE TEMP TABLE latest_entities AS
SELECT
  listed.*,
  coalesce(stored.first_listed_at, $seen_at) AS first_listed_at,
  CASE WHEN listed.listed THEN $seen_at ELSE stored.last_listed_at END AS last_listed_at,
  CASE WHEN listed.listed AND NOT stored.listed THEN NULL ELSE stored.gone_at END AS gone_at
FROM listed_entities AS listed
LEFT JOIN {entity_table} AS stored USING ({key});

DELETE FROM {entity_table} AS stored
USING latest_entities AS latest
WHERE {stored_is_latest};

INSERT INTO {entity_table} BY NAME SELECT * FROM latest_entities ORDER BY {key};

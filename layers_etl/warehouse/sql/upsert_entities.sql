-- Entities as listed at $seen_at (listed_entities), and those that no longer are.
-- Time never runs back: a run that stands for the past, or a server whose clock steps back, sees what came after.

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
WHERE stored.project_id = latest.project_id AND stored.{id_column} = latest.{id_column};

INSERT INTO {entity_table} BY NAME SELECT * FROM latest_entities ORDER BY {key};

-- What changed (changed_entities), seen at $seen_at, closes the version before it and opens the next.
-- Time never runs back: a run that stands for the past, or a server whose clock steps back, sees what came after.
-- Before anything is changed, how all of $project_ids stood (entities_before; see note_renamed_days.sql).

CREATE OR REPLACE TEMP TABLE entities_before AS FROM ops.entities WHERE project_id IN (SELECT unnest($project_ids));

UPDATE ads.{scope}_history AS version
SET valid_to = greatest($seen_at, version.valid_from)
FROM changed_entities AS changed
WHERE version.valid_to IS NULL AND version.project_id = changed.project_id AND version.{id_column} = changed.{id_column};

INSERT INTO ads.{scope}_history BY NAME
SELECT {key}, {versioned}, greatest($seen_at, earlier.ended_at) AS valid_from, NULL AS valid_to
FROM changed_entities
LEFT JOIN (SELECT {key}, max(valid_to) AS ended_at FROM ads.{scope}_history GROUP BY ALL) AS earlier USING ({key});

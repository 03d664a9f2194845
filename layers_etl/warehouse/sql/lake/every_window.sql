-- changed_windows: every entity of one scope, with all the days it has on either side.
CREATE OR REPLACE TEMPORARY TABLE changed_windows AS
SELECT project_id, {id_column} AS entity_id, min(day) AS since, max(day) + 1 AS until
FROM ({tables})
GROUP BY ALL;

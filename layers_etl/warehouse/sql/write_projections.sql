UPDATE {mart} AS mart
SET
  {assignments}
FROM (
  SELECT
    project_id, entity_id, day,
    {pivoted}
  FROM projected_values
  GROUP BY ALL
) AS projected
WHERE mart.project_id = projected.project_id AND mart.{id_column} = projected.entity_id AND mart.day = projected.day;

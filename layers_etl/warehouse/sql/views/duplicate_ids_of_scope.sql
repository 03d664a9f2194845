SELECT
  '{scope}' AS scope, project_id, platform, external_id, {id_column} AS entity_id,
  first_value({id_column}) OVER best_{scope} AS counts_as, row_number() OVER best_{scope} AS preference
FROM {entity_table}
SEMI JOIN (
  SELECT project_id, platform, external_id
  FROM {entity_table}
  WHERE trim(external_id) <> ''
  GROUP BY ALL
  HAVING count(*) > 1
) AS several USING (project_id, platform, external_id)
WINDOW best_{scope} AS (
  PARTITION BY project_id, platform, external_id
  ORDER BY
    listed DESC, gone_at IS NOT NULL, {begun_at} DESC NULLS LAST, last_listed_at DESC, first_listed_at DESC,
    {id_column} DESC
)

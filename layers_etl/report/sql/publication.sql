-- One row: which state of the warehouse this is, of which projects, and how the run ended that made it.
SELECT
  publication.published_at, publication.instant, publication.settled_until, horizon.last_day, run.status AS run_status,
  (SELECT list(coalesce(name, project_id) ORDER BY name, project_id) FROM ads.projects WHERE gone_at IS NULL) AS projects
FROM ops.publication AS publication
LEFT JOIN ops.runs AS run USING (run_id)
LEFT JOIN ops.horizon AS horizon ON true;

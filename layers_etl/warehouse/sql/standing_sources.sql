-- Accounts whose copy is in state $state and for which days wait, of the projects in $wanted (none: of all). Those of a
-- archived project are over.
SELECT
  source.project_id, source.ad_account_id, account.name, account.platform, source.copy_from, source.read_at,
  source.held_days
FROM ops.sources AS source
LEFT JOIN ads.ad_accounts AS account USING (project_id, ad_account_id)
LEFT JOIN ads.projects AS project USING (project_id)
WHERE source.state = $state
  AND source.held_days > 0
  AND coalesce(project.listed, true)
  AND (len($wanted::VARCHAR[]) = 0 OR list_contains($wanted::VARCHAR[], source.project_id))
ORDER BY source.project_id, source.ad_account_id;

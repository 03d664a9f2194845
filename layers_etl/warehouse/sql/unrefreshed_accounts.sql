-- Listed accounts whose platform token is known to be other than valid.
-- The accounts of an archived project are no longer listed with it.
SELECT account.project_id, account.ad_account_id, account.name, account.platform, account.token_status
FROM ads.ad_accounts AS account
LEFT JOIN ads.projects AS project USING (project_id)
WHERE account.listed
  AND coalesce(project.listed, true)
  AND lower(account.token_status) <> 'valid'
ORDER BY account.project_id, account.ad_account_id;

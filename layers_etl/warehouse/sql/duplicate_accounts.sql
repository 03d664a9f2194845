-- Every id of the accounts that were listed under several in the last eight weeks, within one project or across them.
SELECT account.platform, account.external_id, account.project_id, account.ad_account_id, account.name, id.counts_as
FROM ads.ad_accounts AS account
SEMI JOIN (
  SELECT platform, external_id
  FROM ads.ad_accounts
  WHERE trim(external_id) <> ''
    AND last_listed_at >= (SELECT max(last_listed_at) FROM ads.ad_accounts) - INTERVAL 56 DAY
  GROUP BY ALL
  HAVING count(*) > 1
) AS several USING (platform, external_id)
LEFT JOIN ops.duplicate_ids AS id
  ON id.scope = 'ad_account' AND id.project_id = account.project_id AND id.entity_id = account.ad_account_id
ORDER BY account.platform, account.external_id, account.project_id, id.preference;

-- Vanished days seen since $read_since that a second witness confirms: on that day the account and the sum of its campaigns
-- agree as they were answered now, and either the account itself still has activity that day, or the answers have been
-- like this since before $standing_since (by its own account: source_is_past).
-- vanished_sources: project_id, ad_account_id, and the instant before which a doubt must have begun to stand alone.
WITH doubtful AS (
  SELECT scope, project_id, entity_id, coalesce(entity.ad_account_id, '') AS ad_account_id, day, first_seen_at
  FROM ops.doubtful_days
  JOIN ops.entities AS entity USING (scope, project_id, entity_id)
  WHERE kind = 'vanished' AND last_seen_at >= $read_since
),
account_days AS (
  SELECT DISTINCT project_id, ad_account_id, day FROM doubtful WHERE scope IN ('ad_account', 'campaign')
),
answered AS (
  SELECT
    true AS is_account, measured.project_id, measured.ad_account_id, measured.day, measured.spend, measured.impressions,
    measured.clicks, measured.conversions
  FROM ads.ad_account_metrics AS measured
  SEMI JOIN account_days USING (project_id, ad_account_id, day)
  ANTI JOIN (SELECT * FROM doubtful WHERE scope = 'ad_account') AS gone USING (project_id, ad_account_id, day)
  UNION ALL
  SELECT
    false, measured.project_id, measured.spent_in_account_id, measured.day, measured.spend, measured.impressions,
    measured.clicks, measured.conversions
  FROM ads.campaign_metrics AS measured
  JOIN account_days
    ON account_days.project_id = measured.project_id AND account_days.ad_account_id = measured.spent_in_account_id
   AND account_days.day = measured.day
  ANTI JOIN (SELECT project_id, entity_id AS campaign_id, day FROM doubtful WHERE scope = 'campaign') AS gone
    ON gone.project_id = measured.project_id AND gone.campaign_id = measured.campaign_id AND gone.day = measured.day
),
sides AS (
  SELECT
    project_id, ad_account_id, day,
    coalesce(sum(spend) FILTER (is_account), 0) = coalesce(sum(spend) FILTER (NOT is_account), 0)
      AND coalesce(sum(impressions) FILTER (is_account), 0) = coalesce(sum(impressions) FILTER (NOT is_account), 0)
      AND coalesce(sum(clicks) FILTER (is_account), 0) = coalesce(sum(clicks) FILTER (NOT is_account), 0)
      AND coalesce(sum(conversions) FILTER (is_account), 0) = coalesce(sum(conversions) FILTER (NOT is_account), 0)
      AS agree,
    coalesce(sum(impressions) FILTER (is_account), 0) > 0 OR coalesce(sum(spend) FILTER (is_account), 0) > 0
      AS account_is_active
  FROM account_days
  LEFT JOIN answered USING (project_id, ad_account_id, day)
  GROUP BY ALL
)
SELECT doubtful.scope, doubtful.project_id, doubtful.entity_id, doubtful.day
FROM doubtful
LEFT JOIN sides USING (project_id, ad_account_id, day)
LEFT JOIN vanished_sources AS source USING (project_id, ad_account_id)
WHERE CASE
  WHEN doubtful.scope IN ('ad_account', 'campaign') AND $accounts_are_read THEN
    sides.agree AND (sides.account_is_active OR doubtful.first_seen_at <= source.standing_since)
  ELSE doubtful.first_seen_at <= source.standing_since
END;

-- The $top campaigns of each currency by spend in the last $days closed days, and how many there are of it; of all projects
-- or of $project alone. One that has moved to an account of another currency is in each with what it spent there.
-- Ratios are of the days that know both sides; cpas are of seven days each, up to the day they stand at. Of the budget is
-- what was spent in its currency alone.
WITH span AS (
  SELECT last_day, last_day - $days + 1 AS first_day FROM ops.horizon
),
daily AS (
  SELECT
    daily.*, CASE WHEN conversions IS NOT NULL THEN spend END AS paid,
    CASE WHEN spend IS NOT NULL THEN conversions END AS converted
  FROM marts.campaign_daily AS daily
  ANTI JOIN (SELECT project_id, entity_id AS campaign_id, day FROM ops.uncounted_days WHERE scope = 'campaign') AS uncounted
    USING (project_id, campaign_id, day)
  WHERE day BETWEEN (SELECT first_day - 6 FROM span) AND (SELECT last_day FROM span)
    AND ($project::VARCHAR IS NULL OR project_id = $project)
),
summed AS (
  SELECT
    project_id, campaign_id, currency, any_value(campaign_name) AS name, any_value(platform) AS platform,
    arg_max(ad_account_name, day) AS account,
    sum(spend) FILTER (day >= first_day) AS spend, sum(conversions) FILTER (day >= first_day) AS conversions,
    marts.cpa(sum(paid) FILTER (day >= first_day), sum(converted) FILTER (day >= first_day)) AS cpa,
    marts.roas(sum(conversion_value) FILTER (day >= first_day), sum(spend) FILTER (day >= first_day)) AS roas,
    marts.cpa(
      sum(paid) FILTER (day > last_day - 7 AND settled), sum(converted) FILTER (day > last_day - 7 AND settled)
    ) AS recent_cpa,
    coalesce(sum(conversions) FILTER (day > last_day - 7 AND settled), 0) AS recent_conversions,
    marts.cpa(
      sum(paid) FILTER (day BETWEEN first_day AND last_day - 7),
      sum(converted) FILTER (day BETWEEN first_day AND last_day - 7)
    ) AS earlier_cpa,
    coalesce(sum(conversions) FILTER (day BETWEEN first_day AND last_day - 7), 0) AS earlier_conversions
  FROM daily, span
  GROUP BY project_id, campaign_id, currency
),
ranked AS (
  SELECT
    *, count(*) OVER (PARTITION BY currency) AS campaigns,
    row_number() OVER (PARTITION BY currency ORDER BY spend DESC NULLS LAST, project_id, campaign_id) AS rank
  FROM summed
  WHERE spend IS NOT NULL
  QUALIFY rank <= $top
),
rolling AS (
  SELECT
    daily.project_id, daily.campaign_id, daily.currency, day, daily.spend,
    marts.cpa(sum(daily.paid) OVER week, sum(daily.converted) OVER week) AS cpa
  FROM daily
  SEMI JOIN ranked USING (project_id, campaign_id)
  WINDOW week AS (
    PARTITION BY daily.project_id, daily.campaign_id, daily.currency ORDER BY day
    RANGE BETWEEN INTERVAL 6 DAYS PRECEDING AND CURRENT ROW
  )
),
series AS (
  SELECT
    project_id, campaign_id, currency, list(day ORDER BY day) AS days, list(spend ORDER BY day) AS spends,
    list(cpa ORDER BY day) AS cpas
  FROM rolling, span
  WHERE day >= first_day
  GROUP BY ALL
)
SELECT
  ranked.currency, ranked.rank, ranked.campaigns, ranked.name, ranked.account, ranked.platform, campaign.status,
  ranked.spend, ranked.conversions, ranked.cpa, ranked.roas,
  CASE WHEN recent_conversions >= $least_conversions AND earlier_conversions >= $least_conversions AND earlier_cpa > 0
    THEN recent_cpa / earlier_cpa - 1 END AS cpa_change,
  series.days, series.spends, series.cpas, pacing.budget_to_date, pacing.pace
FROM ranked
JOIN series ON series.project_id = ranked.project_id AND series.campaign_id = ranked.campaign_id
 AND series.currency IS NOT DISTINCT FROM ranked.currency
LEFT JOIN ads.campaigns AS campaign
  ON campaign.project_id = ranked.project_id AND campaign.campaign_id = ranked.campaign_id
LEFT JOIN marts.campaign_pacing AS pacing
  ON pacing.project_id = ranked.project_id AND pacing.campaign_id = ranked.campaign_id
 AND pacing.currency IS NOT DISTINCT FROM ranked.currency
ORDER BY ranked.currency NULLS LAST, ranked.rank;

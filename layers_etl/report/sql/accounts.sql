-- One row per ad account that is not gone: how its copy stands, and the state of each of the last $days closed days.
-- The days of $scope: the account's own where accounts are read, else the least settled of its campaigns' that were read.
WITH span AS (
  SELECT last_day, greatest(first_day, last_day - $days + 1) AS first_day FROM ops.horizon
),
ranked AS (
  SELECT
    project_id, coalesce(ad_account_id, entity_id) AS ad_account_id, day,
    CASE WHEN state = 'provisional' AND held THEN 'held' ELSE state END AS shown_state,
    list_position(['running', 'provisional', 'held', 'settled', 'never read'], shown_state) AS place
  FROM ops.day_states
  WHERE scope = $scope AND day BETWEEN (SELECT first_day FROM span) AND (SELECT last_day FROM span)
),
days AS (
  SELECT project_id, ad_account_id, day, arg_min(shown_state, place) AS state FROM ranked GROUP BY ALL
),
series AS (
  SELECT
    project_id, ad_account_id, list(day ORDER BY day) AS days, list(state ORDER BY day) AS states,
    max(day) FILTER (state = 'settled') AS newest_settled,
    count(*) FILTER (state IN ('provisional', 'running')) AS open_days, count(*) FILTER (state = 'held') AS held_days,
    count(*) FILTER (state = 'never read') AS unread_days
  FROM days
  GROUP BY ALL
)
SELECT
  coalesce(account.name, account.ad_account_id) AS name, account.platform, account.currency, account.token_status,
  source.state AS copy, series.days, series.states, series.newest_settled, coalesce(series.open_days, 0) AS open_days,
  coalesce(series.held_days, 0) AS held_days, coalesce(series.unread_days, 0) AS unread_days,
  count(*) OVER () AS accounts
FROM ads.ad_accounts AS account
LEFT JOIN series USING (project_id, ad_account_id)
LEFT JOIN ops.sources AS source USING (project_id, ad_account_id)
WHERE account.gone_at IS NULL AND ($project::VARCHAR IS NULL OR account.project_id = $project)
ORDER BY
  source.state = 'standing still' DESC NULLS LAST, coalesce(series.held_days, 0) DESC, coalesce(series.unread_days, 0) DESC,
  account.name, account.project_id, account.ad_account_id
LIMIT $top;

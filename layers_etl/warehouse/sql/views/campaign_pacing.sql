-- marts.campaign_pacing: the month so far against today's budgets; the one place that says what a budget to date is.
-- Both sides are of the same days: closed ones whose spend is known, in the currency of the budget.
CREATE OR REPLACE VIEW marts.campaign_pacing AS
WITH span AS (
  SELECT
    first_day, last_day, date_trunc('month', last_day)::DATE AS month,
    (date_trunc('month', last_day) + INTERVAL 1 MONTH)::DATE AS month_end
  FROM ops.horizon
),
ids AS (
  SELECT campaign.project_id, campaign.campaign_id, coalesce(id.counts_as, campaign.campaign_id) AS counts_as
  FROM ads.campaigns AS campaign
  LEFT JOIN ops.duplicate_ids AS id
    ON id.scope = 'campaign' AND id.project_id = campaign.project_id AND id.entity_id = campaign.campaign_id
),
campaigns AS (
  SELECT
    campaign.project_id, campaign.campaign_id, campaign.name AS campaign_name, entity.ad_account_id,
    account.name AS ad_account_name, entity.platform, entity.currency, campaign.status, campaign.listed,
    campaign.listed AND lower(coalesce(campaign.status, 'active')) = 'active' AS is_active,
    TRY_CAST(campaign.daily_budget_cents * 0.01 AS DECIMAL(18,4)) AS daily_budget,
    TRY_CAST(campaign.lifetime_budget_cents * 0.01 AS DECIMAL(18,4)) AS lifetime_budget,
    greatest(span.first_day, coalesce(ops.utc_day(campaign.created_at), span.first_day)) AS begun_on,
    greatest(span.month, begun_on) AS since, span.month, span.month_end, span.last_day
  FROM ads.campaigns AS campaign
  CROSS JOIN span
  JOIN ids ON ids.project_id = campaign.project_id AND ids.campaign_id = campaign.campaign_id
   AND ids.counts_as = campaign.campaign_id
  JOIN ops.entities AS entity
    ON entity.scope = 'campaign' AND entity.project_id = campaign.project_id AND entity.entity_id = campaign.campaign_id
  LEFT JOIN ads.ad_accounts AS account
    ON account.project_id = entity.project_id AND account.ad_account_id = entity.ad_account_id
),
read_stretches AS (
  SELECT
    part.project_id, ids.counts_as AS campaign_id, part.settled_until,
    greatest(part.since, least(span.month, span.last_day - 6)) AS since,
    least(part.closed_until, span.last_day + 1) AS until
  FROM ops.read_intervals AS part
  CROSS JOIN span
  JOIN ids ON ids.project_id = part.project_id AND ids.campaign_id = part.entity_id
  WHERE part.scope = 'campaign'
),
read_days AS (
  SELECT project_id, campaign_id, day, bool_or(settled) AS settled
  FROM (
    SELECT project_id, campaign_id, day, day < settled_until AS settled
    FROM (
      SELECT
        project_id, campaign_id, settled_until, unnest(generate_series(since, until - 1, INTERVAL 1 DAY))::DATE AS day
      FROM read_stretches
      WHERE since < until
    )
  )
  GROUP BY project_id, campaign_id, day
),
measured AS (
  SELECT daily.project_id, ids.counts_as AS campaign_id, daily.day, daily.currency, daily.spend
  FROM marts.campaign_daily AS daily
  JOIN ids ON ids.project_id = daily.project_id AND ids.campaign_id = daily.campaign_id
  ANTI JOIN ops.uncounted_days AS uncounted
    ON uncounted.scope = 'campaign' AND uncounted.project_id = daily.project_id
   AND uncounted.entity_id = daily.campaign_id AND uncounted.day = daily.day
  WHERE daily.day >= (SELECT least(month, last_day - 6) FROM span) AND daily.day <= (SELECT last_day FROM span)
),
known_days AS (
  SELECT
    campaigns.project_id, campaigns.campaign_id, read_days.day, read_days.settled, coalesce(measured.spend, 0) AS spend
  FROM read_days
  JOIN campaigns ON campaigns.project_id = read_days.project_id AND campaigns.campaign_id = read_days.campaign_id
  LEFT JOIN measured
    ON measured.project_id = read_days.project_id AND measured.campaign_id = read_days.campaign_id
   AND measured.day = read_days.day
  WHERE measured.day IS NULL OR (measured.spend IS NOT NULL AND measured.currency IS NOT DISTINCT FROM campaigns.currency)
),
paced AS (
  SELECT
    campaigns.*, greatest(0, campaigns.last_day + 1 - campaigns.since)::INTEGER AS days_so_far, sums.* EXCLUDE (project_id, campaign_id),
    TRY_CAST(CASE WHEN daily_budget > 0 AND days_known > 0 THEN daily_budget * days_known END AS DECIMAL(38,4))
      AS budget_to_date
  FROM campaigns
  LEFT JOIN (
    SELECT
      known.project_id, known.campaign_id, count(*) FILTER (known.day >= campaigns.since) AS days_known,
      count(*) FILTER (known.day >= campaigns.since AND known.settled) AS days_settled,
      sum(known.spend) FILTER (known.day >= campaigns.since) AS spend_to_date,
      avg(known.spend) FILTER (known.day > campaigns.last_day - 7 AND known.day >= begun_on)
        AS recent_daily_spend
    FROM known_days AS known
    JOIN campaigns ON campaigns.project_id = known.project_id AND campaigns.campaign_id = known.campaign_id
    GROUP BY known.project_id, known.campaign_id
  ) AS sums ON sums.project_id = campaigns.project_id AND sums.campaign_id = campaigns.campaign_id
)
SELECT
  project_id, campaign_id, month, campaign_name, ad_account_id, ad_account_name, platform, currency, status, listed,
  daily_budget, lifetime_budget, days_so_far, coalesce(days_known, 0)::INTEGER AS days_known,
  coalesce(days_settled, 0)::INTEGER AS days_settled, (month_end - last_day - 1)::INTEGER AS days_left,
  spend_to_date, budget_to_date, spend_to_date / budget_to_date AS pace, recent_daily_spend,
  CASE WHEN is_active AND days_known = days_so_far
    THEN spend_to_date::DOUBLE + recent_daily_spend * (month_end - last_day - 1) END AS expected_spend_of_month
FROM paced;

COMMENT ON VIEW marts.campaign_pacing IS
  'One row per campaign: its status and budgets as last listed, and the spend of the month so far beside them, on the days '
  'whose spend is known in the currency of the budget. One known under several ids is one row (ops.duplicate_ids). Empty '
  'before the first run.';
COMMENT ON COLUMN marts.campaign_pacing.month IS 'First day of the month of the last closed day (UTC).';
COMMENT ON COLUMN marts.campaign_pacing.campaign_name IS 'Current name.';
COMMENT ON COLUMN marts.campaign_pacing.ad_account_id IS 'The ad account that it belongs to now; null: not known.';
COMMENT ON COLUMN marts.campaign_pacing.currency IS
  'ISO 4217 currency of that ad account, and so of the budgets and of all money of the row; null: unknown.';
COMMENT ON COLUMN marts.campaign_pacing.daily_budget IS
  'Daily budget as last listed, in units of currency (ads.campaigns has cents); null: none.';
COMMENT ON COLUMN marts.campaign_pacing.lifetime_budget IS
  'Lifetime budget as last listed, in units of currency; null: none.';
COMMENT ON COLUMN marts.campaign_pacing.days_so_far IS
  'Closed days of the month so far, from the first day of the warehouse, or of the campaign, on.';
COMMENT ON COLUMN marts.campaign_pacing.days_known IS
  'How many of days_so_far were read and have a spend in currency, quiet days too. The sums are of these alone.';
COMMENT ON COLUMN marts.campaign_pacing.days_settled IS 'How many of days_known are final.';
COMMENT ON COLUMN marts.campaign_pacing.days_left IS 'Days of the month after the last closed one.';
COMMENT ON COLUMN marts.campaign_pacing.spend_to_date IS
  'Spend of days_known, in currency; null: none is known, which is not zero.';
COMMENT ON COLUMN marts.campaign_pacing.budget_to_date IS
  'daily_budget * days_known, in currency: today''s budget, whatever it was before. Null: no daily budget, or no day is known.';
COMMENT ON COLUMN marts.campaign_pacing.pace IS
  'spend_to_date / budget_to_date; 1: to the budget. A ratio: never sum or average it.';
COMMENT ON COLUMN marts.campaign_pacing.recent_daily_spend IS
  'Mean spend of a day over what is known of the last seven closed days, in currency.';
COMMENT ON COLUMN marts.campaign_pacing.expected_spend_of_month IS
  'spend_to_date, and recent_daily_spend on each of days_left, in currency; null: not active, no longer listed, or a day of '
  'the month is not known. Newest days still grow: see projected_spend in marts.campaign_daily.';
INSERT INTO measures (relation, column_name, unit, additive) VALUES
  ('marts.campaign_pacing', 'daily_budget', 'currency of the row', true),
  ('marts.campaign_pacing', 'lifetime_budget', 'currency of the row', true),
  ('marts.campaign_pacing', 'days_so_far', 'days', false),
  ('marts.campaign_pacing', 'days_known', 'days', false),
  ('marts.campaign_pacing', 'days_settled', 'days', false),
  ('marts.campaign_pacing', 'days_left', 'days', false),
  ('marts.campaign_pacing', 'spend_to_date', 'currency of the row', true),
  ('marts.campaign_pacing', 'budget_to_date', 'currency of the row', true),
  ('marts.campaign_pacing', 'pace', 'ratio', false),
  ('marts.campaign_pacing', 'recent_daily_spend', 'currency of the row', true),
  ('marts.campaign_pacing', 'expected_spend_of_month', 'currency of the row', true);

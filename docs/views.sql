-- The views and macros of a warehouse that reads campaigns and ad accounts, as layers_etl makes them. What columns hold
-- is in data-dictionary.md. Made by `make docs` from layers_etl/warehouse/sql/views; a test holds it in step.

CREATE OR REPLACE MACRO marts.cpa(spend, conversions) AS CASE WHEN conversions IS NOT NULL THEN spend::DOUBLE / greatest(conversions, 1)::DOUBLE END;

CREATE OR REPLACE MACRO marts.cpc(spend, clicks) AS CASE WHEN clicks IS NOT NULL THEN spend::DOUBLE / greatest(clicks, 1)::DOUBLE END;

CREATE OR REPLACE MACRO marts.cpm(spend, impressions) AS CASE WHEN impressions IS NOT NULL THEN spend::DOUBLE / greatest(impressions, 1)::DOUBLE * 1000 END;

CREATE OR REPLACE MACRO marts.ctr(clicks, impressions) AS CASE WHEN impressions IS NOT NULL THEN clicks::DOUBLE / greatest(impressions, 1)::DOUBLE END;

CREATE OR REPLACE MACRO marts.roas(conversion_value, spend) AS CASE WHEN spend IS NOT NULL THEN conversion_value::DOUBLE / greatest(spend, 0.01)::DOUBLE END;

-- The arithmetic of domain/settlement.py: UTC days, the instants at which they close, and hours from there. It stands
-- nowhere else. Instants are counted in epochs, so that no client's time zone matters.
CREATE OR REPLACE MACRO ops.utc_day(of_instant) AS
  DATE '1970-01-01' + (epoch_us(of_instant::TIMESTAMPTZ) // 86400000000)::INTEGER;

CREATE OR REPLACE MACRO ops.after_close(of_day, so_many_hours) AS
  to_timestamp(epoch((of_day::DATE + 1)::TIMESTAMP) + 3600 * so_many_hours);

CREATE OR REPLACE MACRO ops.hours_after_close(of_day, of_instant) AS
  (epoch_us(of_instant::TIMESTAMPTZ) - epoch_us((of_day::DATE + 1)::TIMESTAMP)) / 3600000000;

CREATE OR REPLACE MACRO ops.settled_before(of_instant, hours_to_settle) AS
  DATE '1970-01-01' + ((epoch_us(of_instant::TIMESTAMPTZ) - 3600000000 * hours_to_settle) // 86400000000)::INTEGER;

-- The one place that knows how ops.settling is read. Its columns are renamed here, or a caller's column named platform
-- would be taken for that of ops.settling.
CREATE OR REPLACE MACRO ops.hours_to_settle(of_platform) AS coalesce(
  (SELECT its_hours FROM ops.settling AS own(its_platform, its_hours) WHERE its_platform = coalesce(of_platform, '')),
  (SELECT its_hours FROM ops.settling AS other(its_platform, its_hours) WHERE its_platform = '*')
);

-- ads.<scope>_metrics_versions: every value a day ever had, and when the table said so.
CREATE OR REPLACE VIEW ads.ad_account_metrics_versions AS
SELECT project_id, ad_account_id, day, platform, currency, spend, impressions, clicks, conversions, conversion_value, reach, frequency, observed_at AS valid_from, superseded_at AS valid_to
FROM ads.ad_account_metrics_history
UNION ALL
SELECT project_id, ad_account_id, day, platform, currency, spend, impressions, clicks, conversions, conversion_value, reach, frequency, first_observed_at AS valid_from, NULL AS valid_to
FROM ads.ad_account_metrics;

-- ads.<scope>_metrics_versions: every value a day ever had, and when the table said so.
CREATE OR REPLACE VIEW ads.campaign_metrics_versions AS
SELECT project_id, campaign_id, day, spent_in_account_id, platform, currency, spend, impressions, clicks, conversions, conversion_value, reach, frequency, observed_at AS valid_from, superseded_at AS valid_to
FROM ads.campaign_metrics_history
UNION ALL
SELECT project_id, campaign_id, day, spent_in_account_id, platform, currency, spend, impressions, clicks, conversions, conversion_value, reach, frequency, first_observed_at AS valid_from, NULL AS valid_to
FROM ads.campaign_metrics;

-- ops.entities: the one place that knows where an entity belongs, and so its platform and currency.
-- The API promises an ad only its ad set, and an ad set only its campaign; the tables in ads keep what was listed.
CREATE OR REPLACE VIEW ops.entities AS
SELECT
  'ad_account' AS scope, entity.project_id, entity.ad_account_id AS entity_id, entity.name,
  coalesce(entity.ad_account_id) AS ad_account_id, NULL::VARCHAR AS campaign_id, NULL::VARCHAR AS adset_id,
  entity.name AS ad_account_name, coalesce(entity.platform) AS platform, entity.currency AS currency, entity.gone_at
FROM ads.ad_accounts AS entity


UNION ALL
SELECT
  'campaign' AS scope, entity.project_id, entity.campaign_id AS entity_id, entity.name,
  coalesce(entity.ad_account_id) AS ad_account_id, coalesce(entity.campaign_id) AS campaign_id, NULL::VARCHAR AS adset_id,
  ad_account.name AS ad_account_name, coalesce(entity.platform, ad_account.platform) AS platform, ad_account.currency AS currency, entity.gone_at
FROM ads.campaigns AS entity
LEFT JOIN ads.ad_accounts AS ad_account ON ad_account.project_id = entity.project_id AND ad_account.ad_account_id = coalesce(entity.ad_account_id);

-- ops.moved_entities: the one place that knows in which ad account a day was spent, of what has been in several.
-- The UTC day on which a move was first seen is the first in the new account. What the days before the first listing
-- belonged to is not known: they go with the first account.
CREATE OR REPLACE VIEW ops.moved_entities AS
WITH listed AS (
  -- A version that ended when it began was never seen alone: the clock had stepped back.
SELECT 'campaign' AS scope, project_id, campaign_id AS entity_id, ad_account_id, valid_from
FROM ads.campaign_history
SEMI JOIN (
  SELECT project_id, campaign_id FROM ads.campaign_history GROUP BY ALL HAVING min(ad_account_id) <> max(ad_account_id)
) AS moved USING (project_id, campaign_id)
WHERE ad_account_id IS NOT NULL AND (valid_to IS NULL OR valid_to > valid_from)

),
by_day AS (
  SELECT
    scope, project_id, entity_id, ops.utc_day(valid_from) AS since,
    arg_max(ad_account_id, valid_from) AS ad_account_id
  FROM listed
  GROUP BY ALL
  UNION ALL
  SELECT scope, project_id, entity_id, DATE '0001-01-01', arg_min(ad_account_id, valid_from) FROM listed GROUP BY ALL
),
moves AS (
  SELECT *
  FROM by_day
  QUALIFY ad_account_id IS DISTINCT FROM lag(ad_account_id) OVER (
    PARTITION BY scope, project_id, entity_id ORDER BY since
  )
)
SELECT
  scope, moves.project_id, entity_id, moves.ad_account_id, since,
  coalesce(
    lead(since) OVER (PARTITION BY scope, moves.project_id, entity_id ORDER BY since), DATE '9999-12-31'
  ) AS until,
  account.currency
FROM moves
LEFT JOIN ads.ad_accounts AS account
  ON account.project_id = moves.project_id AND account.ad_account_id = moves.ad_account_id;

-- ops.duplicate_ids: the one place that knows which ids of a project stand for one and the same thing on its platform.
CREATE OR REPLACE VIEW ops.duplicate_ids AS
SELECT
  'ad_account' AS scope, project_id, platform, external_id, ad_account_id AS entity_id,
  first_value(ad_account_id) OVER best_ad_account AS counts_as, row_number() OVER best_ad_account AS preference
FROM ads.ad_accounts
SEMI JOIN (
  SELECT project_id, platform, external_id
  FROM ads.ad_accounts
  WHERE trim(external_id) <> ''
  GROUP BY ALL
  HAVING count(*) > 1
) AS several USING (project_id, platform, external_id)
WINDOW best_ad_account AS (
  PARTITION BY project_id, platform, external_id
  ORDER BY
    listed DESC, gone_at IS NOT NULL, connected_at DESC NULLS LAST, last_listed_at DESC, first_listed_at DESC,
    ad_account_id DESC
)
UNION ALL
SELECT
  'campaign' AS scope, project_id, platform, external_id, campaign_id AS entity_id,
  first_value(campaign_id) OVER best_campaign AS counts_as, row_number() OVER best_campaign AS preference
FROM ads.campaigns
SEMI JOIN (
  SELECT project_id, platform, external_id
  FROM ads.campaigns
  WHERE trim(external_id) <> ''
  GROUP BY ALL
  HAVING count(*) > 1
) AS several USING (project_id, platform, external_id)
WINDOW best_campaign AS (
  PARTITION BY project_id, platform, external_id
  ORDER BY
    listed DESC, gone_at IS NOT NULL, created_at DESC NULLS LAST, last_listed_at DESC, first_listed_at DESC,
    campaign_id DESC
);

-- ops.uncounted_days: each day of what is known under several ids (ops.duplicate_ids) counts once, under one of them.
CREATE OR REPLACE VIEW ops.uncounted_days AS
SELECT scope, project_id, entity_id, day, counts_as
FROM (
  SELECT id.scope, id.project_id, id.entity_id, measured.day, id.counts_as, id.preference
  FROM ads.ad_account_metrics AS measured
  JOIN ops.duplicate_ids AS id
    ON id.scope = 'ad_account' AND id.project_id = measured.project_id AND id.entity_id = measured.ad_account_id
)
QUALIFY preference > min(preference) OVER (PARTITION BY project_id, counts_as, day)
UNION ALL
SELECT scope, project_id, entity_id, day, counts_as
FROM (
  SELECT id.scope, id.project_id, id.entity_id, measured.day, id.counts_as, id.preference
  FROM ads.campaign_metrics AS measured
  JOIN ops.duplicate_ids AS id
    ON id.scope = 'campaign' AND id.project_id = measured.project_id AND id.entity_id = measured.campaign_id
)
QUALIFY preference > min(preference) OVER (PARTITION BY project_id, counts_as, day);

-- ops.day_states: what the ledger says of every entity's day since the first day of the warehouse.
CREATE OR REPLACE VIEW ops.day_states AS
WITH entities AS (
  SELECT *, ops.hours_to_settle(platform) AS hours_to_settle FROM ops.entities WHERE gone_at IS NULL
),
days AS (
  SELECT unnest(generate_series(first_day, last_day, INTERVAL 1 DAY))::DATE AS day FROM ops.horizon
),
intervals AS (
  SELECT
    scope, project_id, entity_id, read_at, lag_hours AS least_lag_hours, coalesce(held, false) AS held,
    unnest(generate_series(since, until - 1, INTERVAL 1 DAY))::DATE AS day
  FROM ops.coverage
),
read_days AS (
  SELECT
    scope, project_id, entity_id, day, held,
    coalesce(least_lag_hours, floor(ops.hours_after_close(day, read_at))::INTEGER) AS lag_hours
  FROM intervals
)
SELECT
  entities.scope, entities.project_id, entities.ad_account_id, entities.entity_id, entities.platform, days.day,
  read_days.lag_hours, coalesce(read_days.held, false) AS held,
  CASE
    WHEN read_days.lag_hours IS NULL THEN 'never read'
    WHEN read_days.lag_hours < 0 THEN 'running'
    WHEN read_days.lag_hours >= hours_to_settle AND NOT read_days.held THEN 'settled'
    ELSE 'provisional'
  END AS state
FROM entities
CROSS JOIN days
LEFT JOIN read_days USING (scope, project_id, entity_id, day);

-- marts.restatements: how much a day moved, by its age when read.
CREATE OR REPLACE VIEW marts.restatements AS
SELECT
  'ad_account' AS scope, project_id, entity_id, day, platform, currency, read_at,
  ops.hours_after_close(day, read_at) AS age_hours,
  row_number() OVER (PARTITION BY project_id, entity_id, day ORDER BY read_at) AS reading,
  spend, spend - lag(spend) OVER (PARTITION BY project_id, entity_id, day ORDER BY read_at) AS spend_change, settled_spend, settled_spend - spend AS spend_to_settled,
  impressions, impressions - lag(impressions) OVER (PARTITION BY project_id, entity_id, day ORDER BY read_at) AS impressions_change, settled_impressions, settled_impressions - impressions AS impressions_to_settled,
  clicks, clicks - lag(clicks) OVER (PARTITION BY project_id, entity_id, day ORDER BY read_at) AS clicks_change, settled_clicks, settled_clicks - clicks AS clicks_to_settled,
  conversions, conversions - lag(conversions) OVER (PARTITION BY project_id, entity_id, day ORDER BY read_at) AS conversions_change, settled_conversions, settled_conversions - conversions AS conversions_to_settled,
  conversion_value, conversion_value - lag(conversion_value) OVER (PARTITION BY project_id, entity_id, day ORDER BY read_at) AS conversion_value_change, settled_conversion_value, settled_conversion_value - conversion_value AS conversion_value_to_settled
FROM (
  SELECT
    readings.project_id, readings.entity_id, readings.day, readings.read_at,
    coalesce(version.platform, standing.platform) AS platform,
    coalesce(version.currency, standing.currency) AS currency,
    CASE WHEN coalesce(version.valid_to > readings.read_at, true) THEN version.spend END AS spend, CASE WHEN coalesce(version.valid_to > readings.read_at, true) THEN version.impressions END AS impressions, CASE WHEN coalesce(version.valid_to > readings.read_at, true) THEN version.clicks END AS clicks, CASE WHEN coalesce(version.valid_to > readings.read_at, true) THEN version.conversions END AS conversions, CASE WHEN coalesce(version.valid_to > readings.read_at, true) THEN version.conversion_value END AS conversion_value, CASE WHEN standing.settled THEN standing.spend END AS settled_spend, CASE WHEN standing.settled THEN standing.impressions END AS settled_impressions, CASE WHEN standing.settled THEN standing.clicks END AS settled_clicks, CASE WHEN standing.settled THEN standing.conversions END AS settled_conversions, CASE WHEN standing.settled THEN standing.conversion_value END AS settled_conversion_value
  FROM (
    SELECT DISTINCT
      project_id, entity_id, unnest(generate_series(since, until - 1, INTERVAL 1 DAY))::DATE AS day, read_at
    FROM ops.readings
    WHERE scope = 'ad_account'
  ) AS readings
  -- What the table said at the instant of the reading: the newest version from before it, if it still stood. No ASOF
  -- JOIN, and no default within lead: DuckDB 1.3 and 1.4.0 are wrong about the one, 2.0.0 about the other.
  LEFT JOIN (
    SELECT
      *,
      coalesce(lead(valid_from) OVER (PARTITION BY project_id, ad_account_id, day ORDER BY valid_from), TIMESTAMPTZ 'infinity')
        AS newest_until
    FROM ads.ad_account_metrics_versions
    WHERE valid_to IS NULL OR valid_to > valid_from
  ) AS version
    ON version.project_id = readings.project_id AND version.ad_account_id = readings.entity_id
   AND version.day = readings.day
   AND version.valid_from <= readings.read_at AND version.newest_until > readings.read_at
  LEFT JOIN ads.ad_account_metrics AS standing
    ON standing.project_id = readings.project_id AND standing.ad_account_id = readings.entity_id
   AND standing.day = readings.day
  WHERE version.day IS NOT NULL OR standing.day IS NOT NULL
)
UNION ALL BY NAME
SELECT
  'campaign' AS scope, project_id, entity_id, day, platform, currency, read_at,
  ops.hours_after_close(day, read_at) AS age_hours,
  row_number() OVER (PARTITION BY project_id, entity_id, day ORDER BY read_at) AS reading,
  spend, spend - lag(spend) OVER (PARTITION BY project_id, entity_id, day ORDER BY read_at) AS spend_change, settled_spend, settled_spend - spend AS spend_to_settled,
  impressions, impressions - lag(impressions) OVER (PARTITION BY project_id, entity_id, day ORDER BY read_at) AS impressions_change, settled_impressions, settled_impressions - impressions AS impressions_to_settled,
  clicks, clicks - lag(clicks) OVER (PARTITION BY project_id, entity_id, day ORDER BY read_at) AS clicks_change, settled_clicks, settled_clicks - clicks AS clicks_to_settled,
  conversions, conversions - lag(conversions) OVER (PARTITION BY project_id, entity_id, day ORDER BY read_at) AS conversions_change, settled_conversions, settled_conversions - conversions AS conversions_to_settled,
  conversion_value, conversion_value - lag(conversion_value) OVER (PARTITION BY project_id, entity_id, day ORDER BY read_at) AS conversion_value_change, settled_conversion_value, settled_conversion_value - conversion_value AS conversion_value_to_settled
FROM (
  SELECT
    readings.project_id, readings.entity_id, readings.day, readings.read_at,
    coalesce(version.platform, standing.platform) AS platform,
    coalesce(version.currency, standing.currency) AS currency,
    CASE WHEN coalesce(version.valid_to > readings.read_at, true) THEN version.spend END AS spend, CASE WHEN coalesce(version.valid_to > readings.read_at, true) THEN version.impressions END AS impressions, CASE WHEN coalesce(version.valid_to > readings.read_at, true) THEN version.clicks END AS clicks, CASE WHEN coalesce(version.valid_to > readings.read_at, true) THEN version.conversions END AS conversions, CASE WHEN coalesce(version.valid_to > readings.read_at, true) THEN version.conversion_value END AS conversion_value, CASE WHEN standing.settled THEN standing.spend END AS settled_spend, CASE WHEN standing.settled THEN standing.impressions END AS settled_impressions, CASE WHEN standing.settled THEN standing.clicks END AS settled_clicks, CASE WHEN standing.settled THEN standing.conversions END AS settled_conversions, CASE WHEN standing.settled THEN standing.conversion_value END AS settled_conversion_value
  FROM (
    SELECT DISTINCT
      project_id, entity_id, unnest(generate_series(since, until - 1, INTERVAL 1 DAY))::DATE AS day, read_at
    FROM ops.readings
    WHERE scope = 'campaign'
  ) AS readings
  -- What the table said at the instant of the reading: the newest version from before it, if it still stood. No ASOF
  -- JOIN, and no default within lead: DuckDB 1.3 and 1.4.0 are wrong about the one, 2.0.0 about the other.
  LEFT JOIN (
    SELECT
      *,
      coalesce(lead(valid_from) OVER (PARTITION BY project_id, campaign_id, day ORDER BY valid_from), TIMESTAMPTZ 'infinity')
        AS newest_until
    FROM ads.campaign_metrics_versions
    WHERE valid_to IS NULL OR valid_to > valid_from
  ) AS version
    ON version.project_id = readings.project_id AND version.campaign_id = readings.entity_id
   AND version.day = readings.day
   AND version.valid_from <= readings.read_at AND version.newest_until > readings.read_at
  LEFT JOIN ads.campaign_metrics AS standing
    ON standing.project_id = readings.project_id AND standing.campaign_id = readings.entity_id
   AND standing.day = readings.day
  WHERE version.day IS NOT NULL OR standing.day IS NOT NULL
);

-- marts.restatement_summary: what share of the settled value was known how long after a day closed.
CREATE OR REPLACE VIEW marts.restatement_summary AS
WITH seen_maturing AS (
  -- A day that was first read when it had settled tells nothing of how it came there.
  SELECT *
  FROM marts.restatements
  WHERE age_hours >= 0
  QUALIFY min(age_hours) OVER (PARTITION BY scope, project_id, entity_id, day)
    < ops.hours_to_settle(platform)
),
known AS (
  SELECT
    scope, platform, currency, project_id, entity_id, day, 24 * floor(age_hours / 24)::INTEGER AS known_after_hours,
    arg_max(spend, read_at) AS spend, any_value(settled_spend) AS settled_spend, arg_max(impressions, read_at) AS impressions, any_value(settled_impressions) AS settled_impressions, arg_max(clicks, read_at) AS clicks, any_value(settled_clicks) AS settled_clicks, arg_max(conversions, read_at) AS conversions, any_value(settled_conversions) AS settled_conversions, arg_max(conversion_value, read_at) AS conversion_value, any_value(settled_conversion_value) AS settled_conversion_value
  FROM seen_maturing
  GROUP BY ALL
)
SELECT
  scope, platform, currency, metric, known_after_hours, count(*) AS entity_days, count(DISTINCT day) AS days,
  sum(value) AS known, sum(settled_value) AS settled, sum(value) / nullif(sum(settled_value), 0) AS share_known,
  count(*) FILTER (value <> settled_value) AS entity_days_that_moved_later
FROM (
  SELECT scope, platform, currency, known_after_hours, day, 'spend' AS metric, spend::DOUBLE AS value, settled_spend::DOUBLE AS settled_value FROM known
  UNION ALL
  SELECT scope, platform, currency, known_after_hours, day, 'impressions' AS metric, impressions::DOUBLE AS value, settled_impressions::DOUBLE AS settled_value FROM known
  UNION ALL
  SELECT scope, platform, currency, known_after_hours, day, 'clicks' AS metric, clicks::DOUBLE AS value, settled_clicks::DOUBLE AS settled_value FROM known
  UNION ALL
  SELECT scope, platform, currency, known_after_hours, day, 'conversions' AS metric, conversions::DOUBLE AS value, settled_conversions::DOUBLE AS settled_value FROM known
  UNION ALL
  SELECT scope, platform, currency, known_after_hours, day, 'conversion_value' AS metric, conversion_value::DOUBLE AS value, settled_conversion_value::DOUBLE AS settled_value FROM known
)
WHERE value IS NOT NULL AND settled_value IS NOT NULL
GROUP BY ALL;

-- marts.late_changes: whether settled days stand, from those that were read again at random (ops.audits).
CREATE OR REPLACE VIEW marts.late_changes AS
WITH audited AS (
SELECT
  'ad_account' AS scope, audited.platform, coalesce(standing.currency, changed.currency, entity.currency) AS currency,
  floor(ops.hours_after_close(audited.day, audited.read_at) / 24)::INTEGER AS age_days,
  changed.day IS NOT NULL AS moved,
  CASE WHEN changed.day IS NULL THEN coalesce(after.spend, standing.spend) ELSE changed.spend END AS spend_before,
  coalesce(after.spend, CASE WHEN changed.day IS NULL THEN standing.spend END) AS spend_after,
  CASE WHEN changed.day IS NULL THEN coalesce(after.conversions, standing.conversions) ELSE changed.conversions END
    AS conversions_before,
  coalesce(after.conversions, CASE WHEN changed.day IS NULL THEN standing.conversions END) AS conversions_after
FROM (
  SELECT *, unnest(generate_series(since, until - 1, INTERVAL 1 DAY))::DATE AS day
  FROM ops.audits
  WHERE scope = 'ad_account'
) AS audited
LEFT JOIN ads.ad_account_metrics AS standing
  ON standing.project_id = audited.project_id AND standing.ad_account_id = audited.entity_id
 AND standing.day = audited.day
-- The value that was settled until this reading, and what the reading said instead: superseded since, or standing.
LEFT JOIN ads.ad_account_metrics_history AS changed
  ON changed.project_id = audited.project_id AND changed.ad_account_id = audited.entity_id AND changed.day = audited.day
 AND changed.settled AND changed.superseded_at >= audited.read_at
 AND changed.superseded_at < audited.read_at + INTERVAL 1 HOUR AND changed.last_observed_at < changed.superseded_at
LEFT JOIN ads.ad_account_metrics_versions AS after
  ON after.project_id = audited.project_id AND after.ad_account_id = audited.entity_id AND after.day = audited.day
 AND after.valid_from <= coalesce(changed.superseded_at, audited.read_at)
 AND (after.valid_to > coalesce(changed.superseded_at, audited.read_at) OR after.valid_to IS NULL)
LEFT JOIN ops.entities AS entity
  ON entity.scope = 'ad_account' AND entity.project_id = audited.project_id AND entity.entity_id = audited.entity_id
UNION ALL BY NAME
SELECT
  'campaign' AS scope, audited.platform, coalesce(standing.currency, changed.currency, entity.currency) AS currency,
  floor(ops.hours_after_close(audited.day, audited.read_at) / 24)::INTEGER AS age_days,
  changed.day IS NOT NULL AS moved,
  CASE WHEN changed.day IS NULL THEN coalesce(after.spend, standing.spend) ELSE changed.spend END AS spend_before,
  coalesce(after.spend, CASE WHEN changed.day IS NULL THEN standing.spend END) AS spend_after,
  CASE WHEN changed.day IS NULL THEN coalesce(after.conversions, standing.conversions) ELSE changed.conversions END
    AS conversions_before,
  coalesce(after.conversions, CASE WHEN changed.day IS NULL THEN standing.conversions END) AS conversions_after
FROM (
  SELECT *, unnest(generate_series(since, until - 1, INTERVAL 1 DAY))::DATE AS day
  FROM ops.audits
  WHERE scope = 'campaign'
) AS audited
LEFT JOIN ads.campaign_metrics AS standing
  ON standing.project_id = audited.project_id AND standing.campaign_id = audited.entity_id
 AND standing.day = audited.day
-- The value that was settled until this reading, and what the reading said instead: superseded since, or standing.
LEFT JOIN ads.campaign_metrics_history AS changed
  ON changed.project_id = audited.project_id AND changed.campaign_id = audited.entity_id AND changed.day = audited.day
 AND changed.settled AND changed.superseded_at >= audited.read_at
 AND changed.superseded_at < audited.read_at + INTERVAL 1 HOUR AND changed.last_observed_at < changed.superseded_at
LEFT JOIN ads.campaign_metrics_versions AS after
  ON after.project_id = audited.project_id AND after.campaign_id = audited.entity_id AND after.day = audited.day
 AND after.valid_from <= coalesce(changed.superseded_at, audited.read_at)
 AND (after.valid_to > coalesce(changed.superseded_at, audited.read_at) OR after.valid_to IS NULL)
LEFT JOIN ops.entities AS entity
  ON entity.scope = 'campaign' AND entity.project_id = audited.project_id AND entity.entity_id = audited.entity_id

),
aged AS (
  SELECT *, [0, 7, 14, 28, 56, 90, 180, 365] AS edges FROM audited
)
SELECT
  scope, platform, currency, list_max(list_filter(edges, edge -> edge <= age_days)) AS age_from_days,
  list_min(list_filter(edges, edge -> edge > age_days)) AS age_until_days,
  count(*) AS entity_days, count(*) FILTER (moved) AS entity_days_that_moved,
  count(*) FILTER (moved) / count(*) AS share_moved,
  CASE WHEN count(*) FILTER (moved) = 0 THEN 1 - pow(0.05, 1.0 / count(*)) END AS share_moved_at_most,
  sum(spend_before) AS spend_before, sum(spend_after) AS spend_after,
  TRY_CAST(sum(conversions_before) AS BIGINT) AS conversions_before,
  TRY_CAST(sum(conversions_after) AS BIGINT) AS conversions_after
FROM aged
GROUP BY scope, platform, currency, age_from_days, age_until_days;

-- ops.read_intervals: ops.coverage in days that count, so that no query has to reckon with instants.
CREATE OR REPLACE VIEW ops.read_intervals AS
WITH entities AS (
  SELECT *, gone_at IS NOT NULL AS gone, ops.hours_to_settle(platform) AS hours_to_settle FROM ops.entities
),
timed AS (
  SELECT
    coverage.*, entities.ad_account_id, entities.gone, hours_to_settle,
    ops.utc_day(read_at) AS read_on,
    ops.settled_before(read_at, hours_to_settle) AS final_before
  FROM ops.coverage
  JOIN entities USING (scope, project_id, entity_id)
)
SELECT
  scope, project_id, ad_account_id, entity_id, gone, since, until,
  greatest(since, CASE WHEN lag_hours >= 0 THEN until ELSE least(until, read_on) END) AS closed_until,
  greatest(since, CASE
    WHEN held THEN since
    WHEN lag_hours IS NULL THEN least(until, final_before)
    WHEN lag_hours >= hours_to_settle THEN until
    ELSE since
  END) AS settled_until,
  read_at, lag_hours, coalesce(held, false) AS held
FROM timed;

-- marts.campaign_weekly: marts.campaign_daily by week. The days read come from the ledger, since a quiet day has no row.
CREATE OR REPLACE VIEW marts.campaign_weekly AS
WITH sums AS (
  SELECT
    project_id, campaign_id, currency, date_trunc('week', day)::DATE AS week,
    sum(spend) AS spend,
    TRY_CAST(sum(impressions) AS BIGINT) AS impressions,
    TRY_CAST(sum(clicks) AS BIGINT) AS clicks,
    TRY_CAST(sum(conversions) AS BIGINT) AS conversions,
    sum(conversion_value) AS conversion_value,
    sum(spend) FILTER (WHERE conversions IS NOT NULL) AS cpa_numerator,
    sum(conversions) FILTER (WHERE spend IS NOT NULL) AS cpa_denominator,
    sum(spend) FILTER (WHERE clicks IS NOT NULL) AS cpc_numerator,
    sum(clicks) FILTER (WHERE spend IS NOT NULL) AS cpc_denominator,
    sum(spend) FILTER (WHERE impressions IS NOT NULL) AS cpm_numerator,
    sum(impressions) FILTER (WHERE spend IS NOT NULL) AS cpm_denominator,
    sum(clicks) FILTER (WHERE impressions IS NOT NULL) AS ctr_numerator,
    sum(impressions) FILTER (WHERE clicks IS NOT NULL) AS ctr_denominator,
    count(*) AS entity_days,
    count(*) FILTER (WHERE spend IS NOT NULL AND impressions IS NOT NULL AND clicks IS NOT NULL AND conversions IS NOT NULL) AS entity_days_complete
  FROM marts.campaign_daily
  GROUP BY ALL
),
ledger AS (
  SELECT
    project_id, entity_id,
    list({'since': since, 'closed_until': closed_until, 'settled_until': settled_until}) AS intervals
  FROM ops.read_intervals
  WHERE scope = 'campaign'
  GROUP BY ALL
),
counted AS (
  SELECT
    sums.*, week + 7 AS period_end, (period_end - week)::INTEGER AS days,
    coalesce(list_sum([
      greatest(0, least(part.closed_until, week + 7) - greatest(part.since, week)) FOR part IN intervals
    ]), 0)::INTEGER AS days_read,
    coalesce(list_sum([
      greatest(0, least(part.settled_until, week + 7) - greatest(part.since, week)) FOR part IN intervals
    ]), 0) AS days_settled
  FROM sums
  LEFT JOIN ledger ON ledger.project_id = sums.project_id AND ledger.entity_id = sums.campaign_id
)
SELECT
  counted.project_id, counted.campaign_id, counted.week, entity.name AS campaign_name, entity.ad_account_id, entity.ad_account_name, 
  entity.platform, counted.currency, spend, impressions, clicks, conversions, conversion_value, marts.cpa(cpa_numerator, cpa_denominator) AS cpa, marts.cpc(cpc_numerator, cpc_denominator) AS cpc, marts.cpm(cpm_numerator, cpm_denominator) AS cpm, marts.ctr(ctr_numerator, ctr_denominator) AS ctr, marts.roas(conversion_value, spend) AS roas,
  reported.reach, reported.frequency,
  days_settled = days AS settled, days_read, days, period_end > (SELECT last_day + 1 FROM ops.horizon) AS running,
  entity_days, entity_days_complete
FROM counted
LEFT JOIN ops.entities AS entity
  ON entity.scope = 'campaign' AND entity.project_id = counted.project_id AND entity.entity_id = counted.campaign_id
LEFT JOIN ads.campaign_reach_weekly AS reported ON reported.week = counted.week AND reported.project_id = counted.project_id AND reported.campaign_id = counted.campaign_id;

-- marts.campaign_monthly: marts.campaign_daily by month. The days read come from the ledger, since a quiet day has no row.
CREATE OR REPLACE VIEW marts.campaign_monthly AS
WITH sums AS (
  SELECT
    project_id, campaign_id, currency, date_trunc('month', day)::DATE AS month,
    sum(spend) AS spend,
    TRY_CAST(sum(impressions) AS BIGINT) AS impressions,
    TRY_CAST(sum(clicks) AS BIGINT) AS clicks,
    TRY_CAST(sum(conversions) AS BIGINT) AS conversions,
    sum(conversion_value) AS conversion_value,
    sum(spend) FILTER (WHERE conversions IS NOT NULL) AS cpa_numerator,
    sum(conversions) FILTER (WHERE spend IS NOT NULL) AS cpa_denominator,
    sum(spend) FILTER (WHERE clicks IS NOT NULL) AS cpc_numerator,
    sum(clicks) FILTER (WHERE spend IS NOT NULL) AS cpc_denominator,
    sum(spend) FILTER (WHERE impressions IS NOT NULL) AS cpm_numerator,
    sum(impressions) FILTER (WHERE spend IS NOT NULL) AS cpm_denominator,
    sum(clicks) FILTER (WHERE impressions IS NOT NULL) AS ctr_numerator,
    sum(impressions) FILTER (WHERE clicks IS NOT NULL) AS ctr_denominator,
    count(*) AS entity_days,
    count(*) FILTER (WHERE spend IS NOT NULL AND impressions IS NOT NULL AND clicks IS NOT NULL AND conversions IS NOT NULL) AS entity_days_complete
  FROM marts.campaign_daily
  GROUP BY ALL
),
ledger AS (
  SELECT
    project_id, entity_id,
    list({'since': since, 'closed_until': closed_until, 'settled_until': settled_until}) AS intervals
  FROM ops.read_intervals
  WHERE scope = 'campaign'
  GROUP BY ALL
),
counted AS (
  SELECT
    sums.*, (month + INTERVAL 1 MONTH)::DATE AS period_end, (period_end - month)::INTEGER AS days,
    coalesce(list_sum([
      greatest(0, least(part.closed_until, (month + INTERVAL 1 MONTH)::DATE) - greatest(part.since, month)) FOR part IN intervals
    ]), 0)::INTEGER AS days_read,
    coalesce(list_sum([
      greatest(0, least(part.settled_until, (month + INTERVAL 1 MONTH)::DATE) - greatest(part.since, month)) FOR part IN intervals
    ]), 0) AS days_settled
  FROM sums
  LEFT JOIN ledger ON ledger.project_id = sums.project_id AND ledger.entity_id = sums.campaign_id
)
SELECT
  counted.project_id, counted.campaign_id, counted.month, entity.name AS campaign_name, entity.ad_account_id, entity.ad_account_name, 
  entity.platform, counted.currency, spend, impressions, clicks, conversions, conversion_value, marts.cpa(cpa_numerator, cpa_denominator) AS cpa, marts.cpc(cpc_numerator, cpc_denominator) AS cpc, marts.cpm(cpm_numerator, cpm_denominator) AS cpm, marts.ctr(ctr_numerator, ctr_denominator) AS ctr, marts.roas(conversion_value, spend) AS roas,
  NULL::BIGINT AS reach, NULL::DOUBLE AS frequency,
  days_settled = days AS settled, days_read, days, period_end > (SELECT last_day + 1 FROM ops.horizon) AS running,
  entity_days, entity_days_complete
FROM counted
LEFT JOIN ops.entities AS entity
  ON entity.scope = 'campaign' AND entity.project_id = counted.project_id AND entity.entity_id = counted.campaign_id;

-- marts.ad_account_weekly: marts.ad_account_daily by week. The days read come from the ledger, since a quiet day has no row.
CREATE OR REPLACE VIEW marts.ad_account_weekly AS
WITH sums AS (
  SELECT
    project_id, ad_account_id, currency, date_trunc('week', day)::DATE AS week,
    sum(spend) AS spend,
    TRY_CAST(sum(impressions) AS BIGINT) AS impressions,
    TRY_CAST(sum(clicks) AS BIGINT) AS clicks,
    TRY_CAST(sum(conversions) AS BIGINT) AS conversions,
    sum(conversion_value) AS conversion_value,
    sum(spend) FILTER (WHERE conversions IS NOT NULL) AS cpa_numerator,
    sum(conversions) FILTER (WHERE spend IS NOT NULL) AS cpa_denominator,
    sum(spend) FILTER (WHERE clicks IS NOT NULL) AS cpc_numerator,
    sum(clicks) FILTER (WHERE spend IS NOT NULL) AS cpc_denominator,
    sum(spend) FILTER (WHERE impressions IS NOT NULL) AS cpm_numerator,
    sum(impressions) FILTER (WHERE spend IS NOT NULL) AS cpm_denominator,
    sum(clicks) FILTER (WHERE impressions IS NOT NULL) AS ctr_numerator,
    sum(impressions) FILTER (WHERE clicks IS NOT NULL) AS ctr_denominator,
    count(*) AS entity_days,
    count(*) FILTER (WHERE spend IS NOT NULL AND impressions IS NOT NULL AND clicks IS NOT NULL AND conversions IS NOT NULL) AS entity_days_complete
  FROM marts.ad_account_daily
  GROUP BY ALL
),
ledger AS (
  SELECT
    project_id, entity_id,
    list({'since': since, 'closed_until': closed_until, 'settled_until': settled_until}) AS intervals
  FROM ops.read_intervals
  WHERE scope = 'ad_account'
  GROUP BY ALL
),
counted AS (
  SELECT
    sums.*, week + 7 AS period_end, (period_end - week)::INTEGER AS days,
    coalesce(list_sum([
      greatest(0, least(part.closed_until, week + 7) - greatest(part.since, week)) FOR part IN intervals
    ]), 0)::INTEGER AS days_read,
    coalesce(list_sum([
      greatest(0, least(part.settled_until, week + 7) - greatest(part.since, week)) FOR part IN intervals
    ]), 0) AS days_settled
  FROM sums
  LEFT JOIN ledger ON ledger.project_id = sums.project_id AND ledger.entity_id = sums.ad_account_id
)
SELECT
  counted.project_id, counted.ad_account_id, counted.week, entity.name AS ad_account_name, 
  entity.platform, counted.currency, spend, impressions, clicks, conversions, conversion_value, marts.cpa(cpa_numerator, cpa_denominator) AS cpa, marts.cpc(cpc_numerator, cpc_denominator) AS cpc, marts.cpm(cpm_numerator, cpm_denominator) AS cpm, marts.ctr(ctr_numerator, ctr_denominator) AS ctr, marts.roas(conversion_value, spend) AS roas,
  reported.reach, reported.frequency,
  days_settled = days AS settled, days_read, days, period_end > (SELECT last_day + 1 FROM ops.horizon) AS running,
  entity_days, entity_days_complete
FROM counted
LEFT JOIN ops.entities AS entity
  ON entity.scope = 'ad_account' AND entity.project_id = counted.project_id AND entity.entity_id = counted.ad_account_id
LEFT JOIN ads.ad_account_reach_weekly AS reported ON reported.week = counted.week AND reported.project_id = counted.project_id AND reported.ad_account_id = counted.ad_account_id;

-- marts.ad_account_monthly: marts.ad_account_daily by month. The days read come from the ledger, since a quiet day has no row.
CREATE OR REPLACE VIEW marts.ad_account_monthly AS
WITH sums AS (
  SELECT
    project_id, ad_account_id, currency, date_trunc('month', day)::DATE AS month,
    sum(spend) AS spend,
    TRY_CAST(sum(impressions) AS BIGINT) AS impressions,
    TRY_CAST(sum(clicks) AS BIGINT) AS clicks,
    TRY_CAST(sum(conversions) AS BIGINT) AS conversions,
    sum(conversion_value) AS conversion_value,
    sum(spend) FILTER (WHERE conversions IS NOT NULL) AS cpa_numerator,
    sum(conversions) FILTER (WHERE spend IS NOT NULL) AS cpa_denominator,
    sum(spend) FILTER (WHERE clicks IS NOT NULL) AS cpc_numerator,
    sum(clicks) FILTER (WHERE spend IS NOT NULL) AS cpc_denominator,
    sum(spend) FILTER (WHERE impressions IS NOT NULL) AS cpm_numerator,
    sum(impressions) FILTER (WHERE spend IS NOT NULL) AS cpm_denominator,
    sum(clicks) FILTER (WHERE impressions IS NOT NULL) AS ctr_numerator,
    sum(impressions) FILTER (WHERE clicks IS NOT NULL) AS ctr_denominator,
    count(*) AS entity_days,
    count(*) FILTER (WHERE spend IS NOT NULL AND impressions IS NOT NULL AND clicks IS NOT NULL AND conversions IS NOT NULL) AS entity_days_complete
  FROM marts.ad_account_daily
  GROUP BY ALL
),
ledger AS (
  SELECT
    project_id, entity_id,
    list({'since': since, 'closed_until': closed_until, 'settled_until': settled_until}) AS intervals
  FROM ops.read_intervals
  WHERE scope = 'ad_account'
  GROUP BY ALL
),
counted AS (
  SELECT
    sums.*, (month + INTERVAL 1 MONTH)::DATE AS period_end, (period_end - month)::INTEGER AS days,
    coalesce(list_sum([
      greatest(0, least(part.closed_until, (month + INTERVAL 1 MONTH)::DATE) - greatest(part.since, month)) FOR part IN intervals
    ]), 0)::INTEGER AS days_read,
    coalesce(list_sum([
      greatest(0, least(part.settled_until, (month + INTERVAL 1 MONTH)::DATE) - greatest(part.since, month)) FOR part IN intervals
    ]), 0) AS days_settled
  FROM sums
  LEFT JOIN ledger ON ledger.project_id = sums.project_id AND ledger.entity_id = sums.ad_account_id
)
SELECT
  counted.project_id, counted.ad_account_id, counted.month, entity.name AS ad_account_name, 
  entity.platform, counted.currency, spend, impressions, clicks, conversions, conversion_value, marts.cpa(cpa_numerator, cpa_denominator) AS cpa, marts.cpc(cpc_numerator, cpc_denominator) AS cpc, marts.cpm(cpm_numerator, cpm_denominator) AS cpm, marts.ctr(ctr_numerator, ctr_denominator) AS ctr, marts.roas(conversion_value, spend) AS roas,
  NULL::BIGINT AS reach, NULL::DOUBLE AS frequency,
  days_settled = days AS settled, days_read, days, period_end > (SELECT last_day + 1 FROM ops.horizon) AS running,
  entity_days, entity_days_complete
FROM counted
LEFT JOIN ops.entities AS entity
  ON entity.scope = 'ad_account' AND entity.project_id = counted.project_id AND entity.entity_id = counted.ad_account_id;

-- marts.platform_daily: marts.ad_account_daily by project_id, platform, currency and day.
-- What is known under several ids (ops.duplicate_ids) counts once: its days, and of the ids' readings the most.
-- One belongs to a sum if it has a row in it, or could have one: it is not gone, and its money is in that currency.
-- The latter decides whether all was read: what could not be read has no row at all.
CREATE OR REPLACE VIEW marts.platform_daily AS
WITH uncounted AS (
  SELECT project_id, entity_id AS ad_account_id, day FROM ops.uncounted_days WHERE scope = 'ad_account'
),
sums AS NOT MATERIALIZED (
  SELECT project_id, platform, currency, day AS day, sum(spend) AS spend,
    TRY_CAST(sum(impressions) AS BIGINT) AS impressions,
    TRY_CAST(sum(clicks) AS BIGINT) AS clicks,
    TRY_CAST(sum(conversions) AS BIGINT) AS conversions,
    sum(conversion_value) AS conversion_value,
    sum(spend) FILTER (WHERE conversions IS NOT NULL) AS cpa_numerator,
    sum(conversions) FILTER (WHERE spend IS NOT NULL) AS cpa_denominator,
    sum(spend) FILTER (WHERE clicks IS NOT NULL) AS cpc_numerator,
    sum(clicks) FILTER (WHERE spend IS NOT NULL) AS cpc_denominator,
    sum(spend) FILTER (WHERE impressions IS NOT NULL) AS cpm_numerator,
    sum(impressions) FILTER (WHERE spend IS NOT NULL) AS cpm_denominator,
    sum(clicks) FILTER (WHERE impressions IS NOT NULL) AS ctr_numerator,
    sum(impressions) FILTER (WHERE clicks IS NOT NULL) AS ctr_denominator,
    count(*) AS entity_days,
    count(*) FILTER (WHERE spend IS NOT NULL AND impressions IS NOT NULL AND clicks IS NOT NULL AND conversions IS NOT NULL) AS entity_days_complete
  FROM marts.ad_account_daily
  ANTI JOIN uncounted USING (project_id, ad_account_id, day)
  GROUP BY ALL
),
involved AS (
  SELECT project_id, platform, currency, day AS day, ad_account_id AS entity_id
  FROM marts.ad_account_daily
  ANTI JOIN uncounted USING (project_id, ad_account_id, day)
  UNION
  SELECT sums.project_id, sums.platform, sums.currency, sums.day, entity.entity_id
  FROM sums
  JOIN ops.entities AS entity ON entity.scope = 'ad_account' AND entity.project_id = sums.project_id AND entity.platform IS NOT DISTINCT FROM sums.platform AND entity.currency IS NOT DISTINCT FROM sums.currency
  WHERE entity.gone_at IS NULL
),
ledger AS (
  SELECT
    project_id, entity_id,
    list({'since': since, 'closed_until': closed_until, 'settled_until': settled_until}) AS intervals
  FROM ops.read_intervals
  WHERE scope = 'ad_account'
  GROUP BY ALL
),
read_ids AS (
  SELECT
    involved.*, day + 1 AS period_end, coalesce(id.counts_as, entity_id) AS counts_as,
    coalesce(list_sum([
      greatest(0, least(part.closed_until, day + 1) - greatest(part.since, day)) FOR part IN intervals
    ]), 0) AS days_read,
    coalesce(list_sum([
      greatest(0, least(part.settled_until, day + 1) - greatest(part.since, day)) FOR part IN intervals
    ]), 0) AS days_settled
  FROM involved
  LEFT JOIN ledger USING (project_id, entity_id)
  LEFT JOIN (SELECT * FROM ops.duplicate_ids WHERE scope = 'ad_account') AS id USING (project_id, entity_id)
),
readings AS (
  SELECT
    project_id, platform, currency, day, period_end, min(days_read)::INTEGER AS days_read, min(days_settled) AS days_settled
  FROM (
    SELECT
      project_id, platform, currency, day, period_end, counts_as, max(days_read) AS days_read, max(days_settled) AS days_settled
    FROM read_ids
    GROUP BY ALL
  )
  GROUP BY ALL
)
SELECT
  sums.project_id, sums.platform, sums.currency, sums.day, project.name AS project_name, spend, impressions, clicks, conversions, conversion_value, marts.cpa(cpa_numerator, cpa_denominator) AS cpa, marts.cpc(cpc_numerator, cpc_denominator) AS cpc, marts.cpm(cpm_numerator, cpm_denominator) AS cpm, marts.ctr(ctr_numerator, ctr_denominator) AS ctr, marts.roas(conversion_value, spend) AS roas, NULL::BIGINT AS reach, NULL::DOUBLE AS frequency,
  days_settled = period_end - sums.day AS settled, days_read, (period_end - sums.day)::INTEGER AS days,
  period_end > (SELECT last_day + 1 FROM ops.horizon) AS running, entity_days, entity_days_complete
FROM sums
JOIN readings ON readings.day = sums.day AND readings.project_id = sums.project_id AND readings.platform IS NOT DISTINCT FROM sums.platform AND readings.currency IS NOT DISTINCT FROM sums.currency
LEFT JOIN ads.projects AS project ON project.project_id = sums.project_id;

-- marts.platform_weekly: marts.ad_account_daily by project_id, platform, currency and week.
-- What is known under several ids (ops.duplicate_ids) counts once: its days, and of the ids' readings the most.
-- One belongs to a sum if it has a row in it, or could have one: it is not gone, and its money is in that currency.
-- The latter decides whether all was read: what could not be read has no row at all.
CREATE OR REPLACE VIEW marts.platform_weekly AS
WITH uncounted AS (
  SELECT project_id, entity_id AS ad_account_id, day FROM ops.uncounted_days WHERE scope = 'ad_account'
),
sums AS NOT MATERIALIZED (
  SELECT project_id, platform, currency, date_trunc('week', day)::DATE AS week, sum(spend) AS spend,
    TRY_CAST(sum(impressions) AS BIGINT) AS impressions,
    TRY_CAST(sum(clicks) AS BIGINT) AS clicks,
    TRY_CAST(sum(conversions) AS BIGINT) AS conversions,
    sum(conversion_value) AS conversion_value,
    sum(spend) FILTER (WHERE conversions IS NOT NULL) AS cpa_numerator,
    sum(conversions) FILTER (WHERE spend IS NOT NULL) AS cpa_denominator,
    sum(spend) FILTER (WHERE clicks IS NOT NULL) AS cpc_numerator,
    sum(clicks) FILTER (WHERE spend IS NOT NULL) AS cpc_denominator,
    sum(spend) FILTER (WHERE impressions IS NOT NULL) AS cpm_numerator,
    sum(impressions) FILTER (WHERE spend IS NOT NULL) AS cpm_denominator,
    sum(clicks) FILTER (WHERE impressions IS NOT NULL) AS ctr_numerator,
    sum(impressions) FILTER (WHERE clicks IS NOT NULL) AS ctr_denominator,
    count(*) AS entity_days,
    count(*) FILTER (WHERE spend IS NOT NULL AND impressions IS NOT NULL AND clicks IS NOT NULL AND conversions IS NOT NULL) AS entity_days_complete
  FROM marts.ad_account_daily
  ANTI JOIN uncounted USING (project_id, ad_account_id, day)
  GROUP BY ALL
),
involved AS (
  SELECT project_id, platform, currency, date_trunc('week', day)::DATE AS week, ad_account_id AS entity_id
  FROM marts.ad_account_daily
  ANTI JOIN uncounted USING (project_id, ad_account_id, day)
  UNION
  SELECT sums.project_id, sums.platform, sums.currency, sums.week, entity.entity_id
  FROM sums
  JOIN ops.entities AS entity ON entity.scope = 'ad_account' AND entity.project_id = sums.project_id AND entity.platform IS NOT DISTINCT FROM sums.platform AND entity.currency IS NOT DISTINCT FROM sums.currency
  WHERE entity.gone_at IS NULL
),
ledger AS (
  SELECT
    project_id, entity_id,
    list({'since': since, 'closed_until': closed_until, 'settled_until': settled_until}) AS intervals
  FROM ops.read_intervals
  WHERE scope = 'ad_account'
  GROUP BY ALL
),
read_ids AS (
  SELECT
    involved.*, week + 7 AS period_end, coalesce(id.counts_as, entity_id) AS counts_as,
    coalesce(list_sum([
      greatest(0, least(part.closed_until, week + 7) - greatest(part.since, week)) FOR part IN intervals
    ]), 0) AS days_read,
    coalesce(list_sum([
      greatest(0, least(part.settled_until, week + 7) - greatest(part.since, week)) FOR part IN intervals
    ]), 0) AS days_settled
  FROM involved
  LEFT JOIN ledger USING (project_id, entity_id)
  LEFT JOIN (SELECT * FROM ops.duplicate_ids WHERE scope = 'ad_account') AS id USING (project_id, entity_id)
),
readings AS (
  SELECT
    project_id, platform, currency, week, period_end, min(days_read)::INTEGER AS days_read, min(days_settled) AS days_settled
  FROM (
    SELECT
      project_id, platform, currency, week, period_end, counts_as, max(days_read) AS days_read, max(days_settled) AS days_settled
    FROM read_ids
    GROUP BY ALL
  )
  GROUP BY ALL
)
SELECT
  sums.project_id, sums.platform, sums.currency, sums.week, project.name AS project_name, spend, impressions, clicks, conversions, conversion_value, marts.cpa(cpa_numerator, cpa_denominator) AS cpa, marts.cpc(cpc_numerator, cpc_denominator) AS cpc, marts.cpm(cpm_numerator, cpm_denominator) AS cpm, marts.ctr(ctr_numerator, ctr_denominator) AS ctr, marts.roas(conversion_value, spend) AS roas, NULL::BIGINT AS reach, NULL::DOUBLE AS frequency,
  days_settled = period_end - sums.week AS settled, days_read, (period_end - sums.week)::INTEGER AS days,
  period_end > (SELECT last_day + 1 FROM ops.horizon) AS running, entity_days, entity_days_complete
FROM sums
JOIN readings ON readings.week = sums.week AND readings.project_id = sums.project_id AND readings.platform IS NOT DISTINCT FROM sums.platform AND readings.currency IS NOT DISTINCT FROM sums.currency
LEFT JOIN ads.projects AS project ON project.project_id = sums.project_id;

-- marts.platform_monthly: marts.ad_account_daily by project_id, platform, currency and month.
-- What is known under several ids (ops.duplicate_ids) counts once: its days, and of the ids' readings the most.
-- One belongs to a sum if it has a row in it, or could have one: it is not gone, and its money is in that currency.
-- The latter decides whether all was read: what could not be read has no row at all.
CREATE OR REPLACE VIEW marts.platform_monthly AS
WITH uncounted AS (
  SELECT project_id, entity_id AS ad_account_id, day FROM ops.uncounted_days WHERE scope = 'ad_account'
),
sums AS NOT MATERIALIZED (
  SELECT project_id, platform, currency, date_trunc('month', day)::DATE AS month, sum(spend) AS spend,
    TRY_CAST(sum(impressions) AS BIGINT) AS impressions,
    TRY_CAST(sum(clicks) AS BIGINT) AS clicks,
    TRY_CAST(sum(conversions) AS BIGINT) AS conversions,
    sum(conversion_value) AS conversion_value,
    sum(spend) FILTER (WHERE conversions IS NOT NULL) AS cpa_numerator,
    sum(conversions) FILTER (WHERE spend IS NOT NULL) AS cpa_denominator,
    sum(spend) FILTER (WHERE clicks IS NOT NULL) AS cpc_numerator,
    sum(clicks) FILTER (WHERE spend IS NOT NULL) AS cpc_denominator,
    sum(spend) FILTER (WHERE impressions IS NOT NULL) AS cpm_numerator,
    sum(impressions) FILTER (WHERE spend IS NOT NULL) AS cpm_denominator,
    sum(clicks) FILTER (WHERE impressions IS NOT NULL) AS ctr_numerator,
    sum(impressions) FILTER (WHERE clicks IS NOT NULL) AS ctr_denominator,
    count(*) AS entity_days,
    count(*) FILTER (WHERE spend IS NOT NULL AND impressions IS NOT NULL AND clicks IS NOT NULL AND conversions IS NOT NULL) AS entity_days_complete
  FROM marts.ad_account_daily
  ANTI JOIN uncounted USING (project_id, ad_account_id, day)
  GROUP BY ALL
),
involved AS (
  SELECT project_id, platform, currency, date_trunc('month', day)::DATE AS month, ad_account_id AS entity_id
  FROM marts.ad_account_daily
  ANTI JOIN uncounted USING (project_id, ad_account_id, day)
  UNION
  SELECT sums.project_id, sums.platform, sums.currency, sums.month, entity.entity_id
  FROM sums
  JOIN ops.entities AS entity ON entity.scope = 'ad_account' AND entity.project_id = sums.project_id AND entity.platform IS NOT DISTINCT FROM sums.platform AND entity.currency IS NOT DISTINCT FROM sums.currency
  WHERE entity.gone_at IS NULL
),
ledger AS (
  SELECT
    project_id, entity_id,
    list({'since': since, 'closed_until': closed_until, 'settled_until': settled_until}) AS intervals
  FROM ops.read_intervals
  WHERE scope = 'ad_account'
  GROUP BY ALL
),
read_ids AS (
  SELECT
    involved.*, (month + INTERVAL 1 MONTH)::DATE AS period_end, coalesce(id.counts_as, entity_id) AS counts_as,
    coalesce(list_sum([
      greatest(0, least(part.closed_until, (month + INTERVAL 1 MONTH)::DATE) - greatest(part.since, month)) FOR part IN intervals
    ]), 0) AS days_read,
    coalesce(list_sum([
      greatest(0, least(part.settled_until, (month + INTERVAL 1 MONTH)::DATE) - greatest(part.since, month)) FOR part IN intervals
    ]), 0) AS days_settled
  FROM involved
  LEFT JOIN ledger USING (project_id, entity_id)
  LEFT JOIN (SELECT * FROM ops.duplicate_ids WHERE scope = 'ad_account') AS id USING (project_id, entity_id)
),
readings AS (
  SELECT
    project_id, platform, currency, month, period_end, min(days_read)::INTEGER AS days_read, min(days_settled) AS days_settled
  FROM (
    SELECT
      project_id, platform, currency, month, period_end, counts_as, max(days_read) AS days_read, max(days_settled) AS days_settled
    FROM read_ids
    GROUP BY ALL
  )
  GROUP BY ALL
)
SELECT
  sums.project_id, sums.platform, sums.currency, sums.month, project.name AS project_name, spend, impressions, clicks, conversions, conversion_value, marts.cpa(cpa_numerator, cpa_denominator) AS cpa, marts.cpc(cpc_numerator, cpc_denominator) AS cpc, marts.cpm(cpm_numerator, cpm_denominator) AS cpm, marts.ctr(ctr_numerator, ctr_denominator) AS ctr, marts.roas(conversion_value, spend) AS roas, NULL::BIGINT AS reach, NULL::DOUBLE AS frequency,
  days_settled = period_end - sums.month AS settled, days_read, (period_end - sums.month)::INTEGER AS days,
  period_end > (SELECT last_day + 1 FROM ops.horizon) AS running, entity_days, entity_days_complete
FROM sums
JOIN readings ON readings.month = sums.month AND readings.project_id = sums.project_id AND readings.platform IS NOT DISTINCT FROM sums.platform AND readings.currency IS NOT DISTINCT FROM sums.currency
LEFT JOIN ads.projects AS project ON project.project_id = sums.project_id;

-- marts.project_daily: marts.ad_account_daily by project_id, currency and day.
-- What is known under several ids (ops.duplicate_ids) counts once: its days, and of the ids' readings the most.
-- One belongs to a sum if it has a row in it, or could have one: it is not gone, and its money is in that currency.
-- The latter decides whether all was read: what could not be read has no row at all.
CREATE OR REPLACE VIEW marts.project_daily AS
WITH uncounted AS (
  SELECT project_id, entity_id AS ad_account_id, day FROM ops.uncounted_days WHERE scope = 'ad_account'
),
sums AS NOT MATERIALIZED (
  SELECT project_id, currency, day AS day, sum(spend) AS spend,
    TRY_CAST(sum(impressions) AS BIGINT) AS impressions,
    TRY_CAST(sum(clicks) AS BIGINT) AS clicks,
    TRY_CAST(sum(conversions) AS BIGINT) AS conversions,
    sum(conversion_value) AS conversion_value,
    sum(spend) FILTER (WHERE conversions IS NOT NULL) AS cpa_numerator,
    sum(conversions) FILTER (WHERE spend IS NOT NULL) AS cpa_denominator,
    sum(spend) FILTER (WHERE clicks IS NOT NULL) AS cpc_numerator,
    sum(clicks) FILTER (WHERE spend IS NOT NULL) AS cpc_denominator,
    sum(spend) FILTER (WHERE impressions IS NOT NULL) AS cpm_numerator,
    sum(impressions) FILTER (WHERE spend IS NOT NULL) AS cpm_denominator,
    sum(clicks) FILTER (WHERE impressions IS NOT NULL) AS ctr_numerator,
    sum(impressions) FILTER (WHERE clicks IS NOT NULL) AS ctr_denominator,
    count(*) AS entity_days,
    count(*) FILTER (WHERE spend IS NOT NULL AND impressions IS NOT NULL AND clicks IS NOT NULL AND conversions IS NOT NULL) AS entity_days_complete
  FROM marts.ad_account_daily
  ANTI JOIN uncounted USING (project_id, ad_account_id, day)
  GROUP BY ALL
),
involved AS (
  SELECT project_id, currency, day AS day, ad_account_id AS entity_id
  FROM marts.ad_account_daily
  ANTI JOIN uncounted USING (project_id, ad_account_id, day)
  UNION
  SELECT sums.project_id, sums.currency, sums.day, entity.entity_id
  FROM sums
  JOIN ops.entities AS entity ON entity.scope = 'ad_account' AND entity.project_id = sums.project_id AND entity.currency IS NOT DISTINCT FROM sums.currency
  WHERE entity.gone_at IS NULL
),
ledger AS (
  SELECT
    project_id, entity_id,
    list({'since': since, 'closed_until': closed_until, 'settled_until': settled_until}) AS intervals
  FROM ops.read_intervals
  WHERE scope = 'ad_account'
  GROUP BY ALL
),
read_ids AS (
  SELECT
    involved.*, day + 1 AS period_end, coalesce(id.counts_as, entity_id) AS counts_as,
    coalesce(list_sum([
      greatest(0, least(part.closed_until, day + 1) - greatest(part.since, day)) FOR part IN intervals
    ]), 0) AS days_read,
    coalesce(list_sum([
      greatest(0, least(part.settled_until, day + 1) - greatest(part.since, day)) FOR part IN intervals
    ]), 0) AS days_settled
  FROM involved
  LEFT JOIN ledger USING (project_id, entity_id)
  LEFT JOIN (SELECT * FROM ops.duplicate_ids WHERE scope = 'ad_account') AS id USING (project_id, entity_id)
),
readings AS (
  SELECT
    project_id, currency, day, period_end, min(days_read)::INTEGER AS days_read, min(days_settled) AS days_settled
  FROM (
    SELECT
      project_id, currency, day, period_end, counts_as, max(days_read) AS days_read, max(days_settled) AS days_settled
    FROM read_ids
    GROUP BY ALL
  )
  GROUP BY ALL
)
SELECT
  sums.project_id, sums.currency, sums.day, project.name AS project_name, spend, impressions, clicks, conversions, conversion_value, marts.cpa(cpa_numerator, cpa_denominator) AS cpa, marts.cpc(cpc_numerator, cpc_denominator) AS cpc, marts.cpm(cpm_numerator, cpm_denominator) AS cpm, marts.ctr(ctr_numerator, ctr_denominator) AS ctr, marts.roas(conversion_value, spend) AS roas, NULL::BIGINT AS reach, NULL::DOUBLE AS frequency,
  days_settled = period_end - sums.day AS settled, days_read, (period_end - sums.day)::INTEGER AS days,
  period_end > (SELECT last_day + 1 FROM ops.horizon) AS running, entity_days, entity_days_complete
FROM sums
JOIN readings ON readings.day = sums.day AND readings.project_id = sums.project_id AND readings.currency IS NOT DISTINCT FROM sums.currency
LEFT JOIN ads.projects AS project ON project.project_id = sums.project_id;

-- marts.project_weekly: marts.ad_account_daily by project_id, currency and week.
-- What is known under several ids (ops.duplicate_ids) counts once: its days, and of the ids' readings the most.
-- One belongs to a sum if it has a row in it, or could have one: it is not gone, and its money is in that currency.
-- The latter decides whether all was read: what could not be read has no row at all.
CREATE OR REPLACE VIEW marts.project_weekly AS
WITH uncounted AS (
  SELECT project_id, entity_id AS ad_account_id, day FROM ops.uncounted_days WHERE scope = 'ad_account'
),
sums AS NOT MATERIALIZED (
  SELECT project_id, currency, date_trunc('week', day)::DATE AS week, sum(spend) AS spend,
    TRY_CAST(sum(impressions) AS BIGINT) AS impressions,
    TRY_CAST(sum(clicks) AS BIGINT) AS clicks,
    TRY_CAST(sum(conversions) AS BIGINT) AS conversions,
    sum(conversion_value) AS conversion_value,
    sum(spend) FILTER (WHERE conversions IS NOT NULL) AS cpa_numerator,
    sum(conversions) FILTER (WHERE spend IS NOT NULL) AS cpa_denominator,
    sum(spend) FILTER (WHERE clicks IS NOT NULL) AS cpc_numerator,
    sum(clicks) FILTER (WHERE spend IS NOT NULL) AS cpc_denominator,
    sum(spend) FILTER (WHERE impressions IS NOT NULL) AS cpm_numerator,
    sum(impressions) FILTER (WHERE spend IS NOT NULL) AS cpm_denominator,
    sum(clicks) FILTER (WHERE impressions IS NOT NULL) AS ctr_numerator,
    sum(impressions) FILTER (WHERE clicks IS NOT NULL) AS ctr_denominator,
    count(*) AS entity_days,
    count(*) FILTER (WHERE spend IS NOT NULL AND impressions IS NOT NULL AND clicks IS NOT NULL AND conversions IS NOT NULL) AS entity_days_complete
  FROM marts.ad_account_daily
  ANTI JOIN uncounted USING (project_id, ad_account_id, day)
  GROUP BY ALL
),
involved AS (
  SELECT project_id, currency, date_trunc('week', day)::DATE AS week, ad_account_id AS entity_id
  FROM marts.ad_account_daily
  ANTI JOIN uncounted USING (project_id, ad_account_id, day)
  UNION
  SELECT sums.project_id, sums.currency, sums.week, entity.entity_id
  FROM sums
  JOIN ops.entities AS entity ON entity.scope = 'ad_account' AND entity.project_id = sums.project_id AND entity.currency IS NOT DISTINCT FROM sums.currency
  WHERE entity.gone_at IS NULL
),
ledger AS (
  SELECT
    project_id, entity_id,
    list({'since': since, 'closed_until': closed_until, 'settled_until': settled_until}) AS intervals
  FROM ops.read_intervals
  WHERE scope = 'ad_account'
  GROUP BY ALL
),
read_ids AS (
  SELECT
    involved.*, week + 7 AS period_end, coalesce(id.counts_as, entity_id) AS counts_as,
    coalesce(list_sum([
      greatest(0, least(part.closed_until, week + 7) - greatest(part.since, week)) FOR part IN intervals
    ]), 0) AS days_read,
    coalesce(list_sum([
      greatest(0, least(part.settled_until, week + 7) - greatest(part.since, week)) FOR part IN intervals
    ]), 0) AS days_settled
  FROM involved
  LEFT JOIN ledger USING (project_id, entity_id)
  LEFT JOIN (SELECT * FROM ops.duplicate_ids WHERE scope = 'ad_account') AS id USING (project_id, entity_id)
),
readings AS (
  SELECT
    project_id, currency, week, period_end, min(days_read)::INTEGER AS days_read, min(days_settled) AS days_settled
  FROM (
    SELECT
      project_id, currency, week, period_end, counts_as, max(days_read) AS days_read, max(days_settled) AS days_settled
    FROM read_ids
    GROUP BY ALL
  )
  GROUP BY ALL
)
SELECT
  sums.project_id, sums.currency, sums.week, project.name AS project_name, spend, impressions, clicks, conversions, conversion_value, marts.cpa(cpa_numerator, cpa_denominator) AS cpa, marts.cpc(cpc_numerator, cpc_denominator) AS cpc, marts.cpm(cpm_numerator, cpm_denominator) AS cpm, marts.ctr(ctr_numerator, ctr_denominator) AS ctr, marts.roas(conversion_value, spend) AS roas, NULL::BIGINT AS reach, NULL::DOUBLE AS frequency,
  days_settled = period_end - sums.week AS settled, days_read, (period_end - sums.week)::INTEGER AS days,
  period_end > (SELECT last_day + 1 FROM ops.horizon) AS running, entity_days, entity_days_complete
FROM sums
JOIN readings ON readings.week = sums.week AND readings.project_id = sums.project_id AND readings.currency IS NOT DISTINCT FROM sums.currency
LEFT JOIN ads.projects AS project ON project.project_id = sums.project_id;

-- marts.project_monthly: marts.ad_account_daily by project_id, currency and month.
-- What is known under several ids (ops.duplicate_ids) counts once: its days, and of the ids' readings the most.
-- One belongs to a sum if it has a row in it, or could have one: it is not gone, and its money is in that currency.
-- The latter decides whether all was read: what could not be read has no row at all.
CREATE OR REPLACE VIEW marts.project_monthly AS
WITH uncounted AS (
  SELECT project_id, entity_id AS ad_account_id, day FROM ops.uncounted_days WHERE scope = 'ad_account'
),
sums AS NOT MATERIALIZED (
  SELECT project_id, currency, date_trunc('month', day)::DATE AS month, sum(spend) AS spend,
    TRY_CAST(sum(impressions) AS BIGINT) AS impressions,
    TRY_CAST(sum(clicks) AS BIGINT) AS clicks,
    TRY_CAST(sum(conversions) AS BIGINT) AS conversions,
    sum(conversion_value) AS conversion_value,
    sum(spend) FILTER (WHERE conversions IS NOT NULL) AS cpa_numerator,
    sum(conversions) FILTER (WHERE spend IS NOT NULL) AS cpa_denominator,
    sum(spend) FILTER (WHERE clicks IS NOT NULL) AS cpc_numerator,
    sum(clicks) FILTER (WHERE spend IS NOT NULL) AS cpc_denominator,
    sum(spend) FILTER (WHERE impressions IS NOT NULL) AS cpm_numerator,
    sum(impressions) FILTER (WHERE spend IS NOT NULL) AS cpm_denominator,
    sum(clicks) FILTER (WHERE impressions IS NOT NULL) AS ctr_numerator,
    sum(impressions) FILTER (WHERE clicks IS NOT NULL) AS ctr_denominator,
    count(*) AS entity_days,
    count(*) FILTER (WHERE spend IS NOT NULL AND impressions IS NOT NULL AND clicks IS NOT NULL AND conversions IS NOT NULL) AS entity_days_complete
  FROM marts.ad_account_daily
  ANTI JOIN uncounted USING (project_id, ad_account_id, day)
  GROUP BY ALL
),
involved AS (
  SELECT project_id, currency, date_trunc('month', day)::DATE AS month, ad_account_id AS entity_id
  FROM marts.ad_account_daily
  ANTI JOIN uncounted USING (project_id, ad_account_id, day)
  UNION
  SELECT sums.project_id, sums.currency, sums.month, entity.entity_id
  FROM sums
  JOIN ops.entities AS entity ON entity.scope = 'ad_account' AND entity.project_id = sums.project_id AND entity.currency IS NOT DISTINCT FROM sums.currency
  WHERE entity.gone_at IS NULL
),
ledger AS (
  SELECT
    project_id, entity_id,
    list({'since': since, 'closed_until': closed_until, 'settled_until': settled_until}) AS intervals
  FROM ops.read_intervals
  WHERE scope = 'ad_account'
  GROUP BY ALL
),
read_ids AS (
  SELECT
    involved.*, (month + INTERVAL 1 MONTH)::DATE AS period_end, coalesce(id.counts_as, entity_id) AS counts_as,
    coalesce(list_sum([
      greatest(0, least(part.closed_until, (month + INTERVAL 1 MONTH)::DATE) - greatest(part.since, month)) FOR part IN intervals
    ]), 0) AS days_read,
    coalesce(list_sum([
      greatest(0, least(part.settled_until, (month + INTERVAL 1 MONTH)::DATE) - greatest(part.since, month)) FOR part IN intervals
    ]), 0) AS days_settled
  FROM involved
  LEFT JOIN ledger USING (project_id, entity_id)
  LEFT JOIN (SELECT * FROM ops.duplicate_ids WHERE scope = 'ad_account') AS id USING (project_id, entity_id)
),
readings AS (
  SELECT
    project_id, currency, month, period_end, min(days_read)::INTEGER AS days_read, min(days_settled) AS days_settled
  FROM (
    SELECT
      project_id, currency, month, period_end, counts_as, max(days_read) AS days_read, max(days_settled) AS days_settled
    FROM read_ids
    GROUP BY ALL
  )
  GROUP BY ALL
)
SELECT
  sums.project_id, sums.currency, sums.month, project.name AS project_name, spend, impressions, clicks, conversions, conversion_value, marts.cpa(cpa_numerator, cpa_denominator) AS cpa, marts.cpc(cpc_numerator, cpc_denominator) AS cpc, marts.cpm(cpm_numerator, cpm_denominator) AS cpm, marts.ctr(ctr_numerator, ctr_denominator) AS ctr, marts.roas(conversion_value, spend) AS roas, NULL::BIGINT AS reach, NULL::DOUBLE AS frequency,
  days_settled = period_end - sums.month AS settled, days_read, (period_end - sums.month)::INTEGER AS days,
  period_end > (SELECT last_day + 1 FROM ops.horizon) AS running, entity_days, entity_days_complete
FROM sums
JOIN readings ON readings.month = sums.month AND readings.project_id = sums.project_id AND readings.currency IS NOT DISTINCT FROM sums.currency
LEFT JOIN ads.projects AS project ON project.project_id = sums.project_id;

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

-- marts.reconciliation: the campaigns' sums held against the ad_account's own numbers, day by day.
-- Both sides go through one UNION, not a FULL JOIN, so that a filter on the day reaches the tables.
-- What is known under several ids counts once (ops.duplicate_ids), and what has moved where it was that day
-- (ops.moved_entities); both are empty as a rule.
CREATE OR REPLACE VIEW marts.reconciliation AS
WITH second_ids AS NOT MATERIALIZED (
  SELECT scope, project_id, entity_id, counts_as FROM ops.duplicate_ids WHERE preference > 1
),
readings AS (
  SELECT
    measured.project_id, coalesce(counted.counts_as, measured.ad_account_id) AS ad_account_id, measured.campaign_id AS entity_id, measured.day, true AS is_child, counted.counts_as IS NOT NULL AS of_second_id,
    measured.currency, measured.spend, measured.impressions, measured.clicks, measured.conversions, measured.conversion_value, measured.settled, measured.observed_at
  FROM (SELECT *, spent_in_account_id AS ad_account_id FROM ads.campaign_metrics) AS measured
  LEFT JOIN (SELECT project_id, entity_id AS ad_account_id, counts_as FROM second_ids WHERE scope = 'ad_account') AS counted USING (project_id, ad_account_id)
  ANTI JOIN ops.uncounted_days AS uncounted
    ON uncounted.scope = 'campaign' AND uncounted.project_id = measured.project_id
   AND uncounted.entity_id = measured.campaign_id AND uncounted.day = measured.day
  UNION ALL
  SELECT
    measured.project_id, coalesce(counted.counts_as, measured.ad_account_id) AS ad_account_id, measured.ad_account_id, measured.day, false, NULL, measured.currency, measured.spend, measured.impressions, measured.clicks, measured.conversions, measured.conversion_value, measured.settled,
    measured.observed_at
  FROM ads.ad_account_metrics AS measured
  LEFT JOIN (SELECT project_id, entity_id AS ad_account_id, counts_as FROM second_ids WHERE scope = 'ad_account') AS counted USING (project_id, ad_account_id)
  ANTI JOIN ops.uncounted_days AS uncounted
    ON uncounted.scope = 'ad_account' AND uncounted.project_id = measured.project_id
   AND uncounted.entity_id = measured.ad_account_id AND uncounted.day = measured.day
),
incomplete AS NOT MATERIALIZED (
  SELECT scope, project_id, entity_id, day FROM ops.doubtful_days WHERE kind = 'incomplete'
),
-- ROAS is printed with a few decimals, so a value is known to half a unit of the last one, times the spend. How many
-- decimals that are shows in the numbers, entity by entity. JSON prints 3.40 as 3.4, so one ROAS may show too few, never
-- too many: those that any of the entity's newest days shows count for all. Not of a day in doubt: its value may be of
-- another spend than its own.
rounded AS (
  SELECT *, CASE WHEN divisor IS NULL THEN NULL WHEN abs(value - round(value_by_divisor * 1e0) / 1e0 * divisor) <= 0.00005001::DOUBLE + 1e-15 * value THEN 1e-0 WHEN abs(value - round(value_by_divisor * 1e1) / 1e1 * divisor) <= 0.00005001::DOUBLE + 1e-15 * value THEN 1e-1 WHEN abs(value - round(value_by_divisor * 1e2) / 1e2 * divisor) <= 0.00005001::DOUBLE + 1e-15 * value THEN 1e-2 WHEN abs(value - round(value_by_divisor * 1e3) / 1e3 * divisor) <= 0.00005001::DOUBLE + 1e-15 * value THEN 1e-3 WHEN abs(value - round(value_by_divisor * 1e4) / 1e4 * divisor) <= 0.00005001::DOUBLE + 1e-15 * value THEN 1e-4 WHEN abs(value - round(value_by_divisor * 1e5) / 1e5 * divisor) <= 0.00005001::DOUBLE + 1e-15 * value THEN 1e-5 ELSE 1e-6 END AS roas_unit
  FROM (SELECT *, value / divisor AS value_by_divisor FROM (SELECT *, conversion_value::DOUBLE AS value, CASE WHEN conversion_value IS NOT NULL THEN greatest(spend, 0.01)::DOUBLE END AS divisor FROM readings))
),
printed AS (
  SELECT is_child, project_id, entity_id, min(CASE WHEN divisor IS NULL THEN NULL WHEN abs(value - round(value_by_divisor * 1e0) / 1e0 * divisor) <= 0.00005001::DOUBLE + 1e-15 * value THEN 1e-0 WHEN abs(value - round(value_by_divisor * 1e1) / 1e1 * divisor) <= 0.00005001::DOUBLE + 1e-15 * value THEN 1e-1 WHEN abs(value - round(value_by_divisor * 1e2) / 1e2 * divisor) <= 0.00005001::DOUBLE + 1e-15 * value THEN 1e-2 WHEN abs(value - round(value_by_divisor * 1e3) / 1e3 * divisor) <= 0.00005001::DOUBLE + 1e-15 * value THEN 1e-3 WHEN abs(value - round(value_by_divisor * 1e4) / 1e4 * divisor) <= 0.00005001::DOUBLE + 1e-15 * value THEN 1e-4 WHEN abs(value - round(value_by_divisor * 1e5) / 1e5 * divisor) <= 0.00005001::DOUBLE + 1e-15 * value THEN 1e-5 ELSE 1e-6 END) AS roas_unit
  FROM (
    SELECT *, value / divisor AS value_by_divisor
    FROM (
      SELECT true AS is_child, 'campaign' AS scope, project_id, campaign_id AS entity_id, day, conversion_value::DOUBLE AS value, CASE WHEN conversion_value IS NOT NULL THEN greatest(spend, 0.01)::DOUBLE END AS divisor
      FROM ads.campaign_metrics
      UNION ALL
      SELECT false, 'ad_account', project_id, ad_account_id, day, conversion_value::DOUBLE AS value, CASE WHEN conversion_value IS NOT NULL THEN greatest(spend, 0.01)::DOUBLE END AS divisor
      FROM ads.ad_account_metrics
    )
    ANTI JOIN incomplete USING (scope, project_id, entity_id, day)
  )
  WHERE day > (SELECT last_day FROM ops.horizon) - 28
  GROUP BY ALL
),
bounded AS (
  SELECT
    rounded.*, 0.5 * least(rounded.roas_unit, printed.roas_unit) * divisor + 0.00005 AS value_bound
  FROM rounded
  LEFT JOIN printed USING (is_child, project_id, entity_id)
),
summed AS (
  SELECT
    project_id, ad_account_id, day,
    min(currency) AS currency, min(currency) IS NOT DISTINCT FROM max(currency) AS one_currency,
    count(*) FILTER (is_child) AS campaigns, count(*) FILTER (NOT is_child) AS parents,
    CASE WHEN count(*) FILTER (NOT is_child) = 0 THEN 0 ELSE sum(spend) FILTER (NOT is_child) END AS ad_account_spend, CASE WHEN count(*) FILTER (is_child) = 0 THEN 0 ELSE sum(spend) FILTER (is_child) END AS campaigns_spend,
    CASE WHEN count(*) FILTER (NOT is_child) = 0 THEN 0 ELSE sum(impressions) FILTER (NOT is_child) END AS ad_account_impressions, CASE WHEN count(*) FILTER (is_child) = 0 THEN 0 ELSE sum(impressions) FILTER (is_child) END AS campaigns_impressions,
    CASE WHEN count(*) FILTER (NOT is_child) = 0 THEN 0 ELSE sum(clicks) FILTER (NOT is_child) END AS ad_account_clicks, CASE WHEN count(*) FILTER (is_child) = 0 THEN 0 ELSE sum(clicks) FILTER (is_child) END AS campaigns_clicks,
    CASE WHEN count(*) FILTER (NOT is_child) = 0 THEN 0 ELSE sum(conversions) FILTER (NOT is_child) END AS ad_account_conversions, CASE WHEN count(*) FILTER (is_child) = 0 THEN 0 ELSE sum(conversions) FILTER (is_child) END AS campaigns_conversions,
    CASE WHEN count(*) FILTER (NOT is_child) = 0 THEN 0 ELSE sum(conversion_value) FILTER (NOT is_child) END AS ad_account_conversion_value, CASE WHEN count(*) FILTER (is_child) = 0 THEN 0 ELSE sum(conversion_value) FILTER (is_child) END AS campaigns_conversion_value,
    sum(value_bound) AS conversion_value_bound,
    bool_and(settled) AS settled,
    bool_and(of_second_id) IS NOT DISTINCT FROM bool_or(of_second_id) AS under_one_id,
    min(observed_at) FILTER (NOT is_child) AS ad_account_observed_at,
    min(observed_at) FILTER (is_child) AS campaigns_oldest_observed_at,
    max(observed_at) FILTER (is_child) AS campaigns_newest_observed_at,
    epoch(max(observed_at)) - epoch(min(observed_at)) <= 60 * 15 AS same_moment
  FROM bounded
  GROUP BY ALL
),
-- What the ledger says of every campaign and of the ad_account that day, quiet ones too.
days AS (
  SELECT unnest(generate_series(first_day, last_day, INTERVAL 1 DAY))::DATE AS day
  FROM (SELECT min(since) AS first_day, max(until) - 1 AS last_day FROM ops.coverage)
),
read_days AS (
  SELECT
    part.scope, part.project_id, coalesce(moved.ad_account_id, part.ad_account_id) AS ad_account_id, day, gone,
    settled_until, epoch(coalesce(read_at, ops.after_close(day, lag_hours))) AS read
  FROM ops.read_intervals AS part
  JOIN days ON day >= part.since AND day < closed_until
  LEFT JOIN ops.moved_entities AS moved
    ON moved.scope = part.scope AND moved.project_id = part.project_id AND moved.entity_id = part.entity_id
   AND day >= moved.since AND day < moved.until
  ANTI JOIN second_ids AS second
    ON second.scope = 'campaign' AND part.scope = 'campaign' AND second.project_id = part.project_id
   AND second.entity_id = part.entity_id
  WHERE part.scope IN ('campaign', 'ad_account')
),
ledger AS (
  SELECT
    measured.project_id, coalesce(counted.counts_as, measured.ad_account_id) AS ad_account_id, day,
    count(*) FILTER (scope = 'campaign' AND (day < settled_until OR NOT gone)) AS children_read,
    count(*) FILTER (scope = 'ad_account') > 0 AS parent_read,
    bool_and(day < settled_until) AS all_settled,
    max(read) - min(read) <= 60 * 15 AS read_together
  FROM read_days AS measured
  LEFT JOIN (SELECT project_id, entity_id AS ad_account_id, counts_as FROM second_ids WHERE scope = 'ad_account') AS counted USING (project_id, ad_account_id)
  GROUP BY ALL
),
known AS (
  SELECT measured.project_id, coalesce(counted.counts_as, measured.ad_account_id) AS ad_account_id, count(*) AS children_known
  FROM ads.campaigns AS measured
  LEFT JOIN (SELECT project_id, entity_id AS ad_account_id, counts_as FROM second_ids WHERE scope = 'ad_account') AS counted USING (project_id, ad_account_id)
  ANTI JOIN second_ids AS second
    ON second.scope = 'campaign' AND second.project_id = measured.project_id AND second.entity_id = measured.campaign_id
  GROUP BY ALL
),
-- Of what has moved: one more where it was that day, one less where it is now.
moved AS NOT MATERIALIZED (
  SELECT moved.project_id, moved.ad_account_id, child.ad_account_id AS is_now_in, moved.since, moved.until
  FROM ops.moved_entities AS moved
  JOIN ads.campaigns AS child ON child.project_id = moved.project_id AND child.campaign_id = moved.entity_id
  WHERE moved.scope = 'campaign'
),
shifted AS (
  SELECT measured.project_id, coalesce(counted.counts_as, measured.ad_account_id) AS ad_account_id, day, sum(one) AS children_shifted
  FROM (
    SELECT project_id, unnest([ad_account_id, is_now_in]) AS ad_account_id, unnest([1, -1]) AS one, day
    FROM moved
    JOIN days ON day >= since AND day < until
  ) AS measured
  LEFT JOIN (SELECT project_id, entity_id AS ad_account_id, counts_as FROM second_ids WHERE scope = 'ad_account') AS counted USING (project_id, ad_account_id)
  GROUP BY ALL
),
-- The days on which a move into or out of a ad_account was first seen.
moves AS (
  SELECT measured.project_id, coalesce(counted.counts_as, measured.ad_account_id) AS ad_account_id, list(moved_on) AS moved_on
  FROM (SELECT project_id, ad_account_id, unnest([since, until]) AS moved_on FROM moved) AS measured
  LEFT JOIN (SELECT project_id, entity_id AS ad_account_id, counts_as FROM second_ids WHERE scope = 'ad_account') AS counted USING (project_id, ad_account_id)
  WHERE moved_on > DATE '0001-01-01' AND moved_on < DATE '9999-12-31'
  GROUP BY ALL
),
-- Days of which a number is unknown that was known, on either side.
doubted AS (
  SELECT DISTINCT measured.project_id, coalesce(counted.counts_as, measured.ad_account_id) AS ad_account_id, day, true AS in_doubt
  FROM (
    SELECT scope, project_id, coalesce(moved.ad_account_id, entity.ad_account_id) AS ad_account_id, day
    FROM incomplete
    JOIN ops.entities AS entity USING (scope, project_id, entity_id)
    LEFT JOIN ops.moved_entities AS moved
      ON moved.scope = entity.scope AND moved.project_id = entity.project_id AND moved.entity_id = entity.entity_id
     AND day >= moved.since AND day < moved.until
    WHERE entity.scope IN ('campaign', 'ad_account')
  ) AS measured
  LEFT JOIN (SELECT project_id, entity_id AS ad_account_id, counts_as FROM second_ids WHERE scope = 'ad_account') AS counted USING (project_id, ad_account_id)
),
sides AS (
  SELECT
    parents > 0 OR coalesce(parent_read, false) AS ad_account_known,
    summed.* REPLACE (CASE WHEN ad_account_known THEN ad_account_spend END AS ad_account_spend, CASE WHEN ad_account_known THEN ad_account_impressions END AS ad_account_impressions, CASE WHEN ad_account_known THEN ad_account_clicks END AS ad_account_clicks, CASE WHEN ad_account_known THEN ad_account_conversions END AS ad_account_conversions, CASE WHEN ad_account_known THEN ad_account_conversion_value END AS ad_account_conversion_value),
    coalesce(children_known, 0) + coalesce(children_shifted, 0)::BIGINT - coalesce(children_read, 0)
      AS campaigns_missing,
    coalesce(len([one FOR one IN moved_on IF one >= summed.day AND one <= coalesce(
      ops.utc_day(ad_account_observed_at), DATE '9999-12-31'
    )]) > 0, false) AS moved_meanwhile,
    CASE WHEN parents = 0 THEN 'ad_account' WHEN campaigns = 0 THEN 'campaigns' END AS without_bucket,
    coalesce(parent_read, false) AND coalesce(all_settled OR read_together, false) AS read_alike,
    in_doubt IS NULL AS none_in_doubt
  FROM summed
  LEFT JOIN ledger USING (project_id, ad_account_id, day)
  LEFT JOIN known USING (project_id, ad_account_id)
  LEFT JOIN shifted USING (project_id, ad_account_id, day)
  LEFT JOIN moves USING (project_id, ad_account_id)
  LEFT JOIN doubted USING (project_id, ad_account_id, day)
),
compared AS (
  SELECT *, CASE WHEN one_currency THEN ad_account_spend - campaigns_spend END AS spend_residual,
    ad_account_impressions - campaigns_impressions AS impressions_residual,
    ad_account_clicks - campaigns_clicks AS clicks_residual,
    ad_account_conversions - campaigns_conversions AS conversions_residual,
    CASE WHEN one_currency THEN ad_account_conversion_value - campaigns_conversion_value END AS conversion_value_residual FROM sides
)
SELECT
  project_id, ad_account_id, day, parent.name AS ad_account_name, parent.platform, CASE WHEN one_currency THEN compared.currency END AS currency,
  CASE WHEN one_currency THEN compared.campaigns_spend END AS campaigns_spend, compared.ad_account_spend AS ad_account_spend, compared.spend_residual AS spend_residual, abs(compared.spend_residual) <= 0 AS spend_agrees,
  TRY_CAST(compared.campaigns_impressions AS BIGINT) AS campaigns_impressions, TRY_CAST(compared.ad_account_impressions AS BIGINT) AS ad_account_impressions, TRY_CAST(compared.impressions_residual AS BIGINT) AS impressions_residual, abs(compared.impressions_residual) <= 0 AS impressions_agrees,
  TRY_CAST(compared.campaigns_clicks AS BIGINT) AS campaigns_clicks, TRY_CAST(compared.ad_account_clicks AS BIGINT) AS ad_account_clicks, TRY_CAST(compared.clicks_residual AS BIGINT) AS clicks_residual, abs(compared.clicks_residual) <= 0 AS clicks_agrees,
  TRY_CAST(compared.campaigns_conversions AS BIGINT) AS campaigns_conversions, TRY_CAST(compared.ad_account_conversions AS BIGINT) AS ad_account_conversions, TRY_CAST(compared.conversions_residual AS BIGINT) AS conversions_residual, abs(compared.conversions_residual) <= 0 AS conversions_agrees,
  CASE WHEN one_currency THEN compared.campaigns_conversion_value END AS campaigns_conversion_value, compared.ad_account_conversion_value AS ad_account_conversion_value, compared.conversion_value_residual AS conversion_value_residual, abs(compared.conversion_value_residual) <= conversion_value_bound AS conversion_value_agrees,
  conversion_value_bound,
  CASE WHEN ad_account_known THEN coalesce(spend_agrees, true) AND coalesce(impressions_agrees, true) AND coalesce(clicks_agrees, true) AND coalesce(conversions_agrees, true) AND coalesce(conversion_value_agrees, true) END AS agrees,
  read_alike AND none_in_doubt AND campaigns_missing = 0 AND under_one_id AND NOT moved_meanwhile AS comparable,
  without_bucket, campaigns, campaigns_missing,
  compared.settled, same_moment,
  ad_account_observed_at, campaigns_oldest_observed_at, campaigns_newest_observed_at
FROM compared
LEFT JOIN ads.ad_accounts AS parent USING (project_id, ad_account_id);

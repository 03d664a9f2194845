-- A warehouse of {campaigns} campaigns in {accounts} accounts, read every morning for {days} days that end yesterday.
INSERT INTO ops.settling VALUES ('*', 72), ('', 72);
INSERT INTO ops.horizon VALUES (DATE '2023-01-02', DATE '2023-01-01' + {days});

INSERT INTO ads.ad_accounts BY NAME
SELECT
  'prj_01HX' || lpad((n // 50)::VARCHAR, 22, '0') AS project_id, 'acc_01HX' || lpad(n::VARCHAR, 22, '0') AS ad_account_id,
  ['meta_ads', 'tiktok_ads', 'apple_ads'][n % 3 + 1] AS platform, 'Account ' || n AS name,
  ['USD', 'EUR', 'GBP'][n // 2 % 3 + 1] AS currency, true AS listed, now() AS first_listed_at, now() AS last_listed_at
FROM range({accounts}) AS numbers (n);

INSERT INTO ads.campaigns BY NAME
SELECT
  project_id, 'cmp_01HX' || lpad(n::VARCHAR, 22, '0') AS campaign_id, ad_account_id, platform,
  'Campaign number ' || n AS name, 'active' AS status, true AS listed, first_listed_at, last_listed_at
FROM range({campaigns}) AS numbers (n)
JOIN ads.ad_accounts ON ad_account_id = 'acc_01HX' || lpad((n * {accounts} // {campaigns})::VARCHAR, 22, '0')
ORDER BY n;

CREATE TEMP TABLE readings AS
SELECT DATE '2023-01-02' AS since, DATE '2023-01-02' + {days} - 4 AS until, NULL::TIMESTAMPTZ AS read_at, 78 AS lag_hours
UNION ALL
SELECT until, until + 4, (until + 4)::TIMESTAMP AT TIME ZONE 'UTC' + INTERVAL 6 HOUR, NULL
FROM (SELECT DATE '2023-01-02' + {days} - 4 AS until);

INSERT INTO ops.coverage BY NAME
SELECT 'campaign' AS scope, project_id, campaign_id AS entity_id, readings.* FROM ads.campaigns, readings
UNION ALL
SELECT 'ad_account', project_id, ad_account_id, readings.* FROM ads.ad_accounts, readings;

-- How many rows the campaigns have, and how many of these are not what the server says, or would have said, on $today.
WITH expected AS (
  SELECT
    *, substr(campaign_id, 5)::BIGINT AS campaign, day - DATE '1970-01-01' + 719163 AS number,
    [400, 900, 960, 990, 1000][1 + least($today::DATE - day, 4)] AS share,
    1000 + (campaign * 7919 + number * 104729) % 9000 AS all_impressions,
    all_impressions * (5 + (campaign + number) % 20) // 1000 AS all_clicks
  FROM ads.campaign_metrics
)
SELECT
  count(*),
  count(*) FILTER (
    impressions <> all_impressions * share // 1000
    OR clicks <> all_clicks * share // 1000
    OR conversions <> all_clicks // (3 + campaign % 5) * share // 1000
    OR spend <> ((100 + (campaign * 3007 + number * 1649) % 50000) * share // 1000) / 100
  )
FROM expected;

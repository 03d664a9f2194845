-- Entity-days of a scope that had other numbers before $since, or have none any more.
SELECT count(*) FROM (SELECT DISTINCT {key}, day FROM ads.{scope}_metrics_history WHERE superseded_at >= $since);

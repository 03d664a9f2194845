-- One row per day and currency: the rows of a table of entities and days since $since and before $until.
SELECT
  day, currency, count(*) AS rows, count(*) FILTER (settled) AS settled_rows, sum(spend) AS spend,
  sum(conversions) AS conversions
FROM {table}
WHERE day >= $since AND day < $until
GROUP BY day, currency
ORDER BY day, currency;

-- The days that the rows of {table} are of, in parts of about $rows rows, oldest first: the first and the last of each.
WITH days AS (SELECT {day_of_row} AS day, count(*) AS day_rows FROM {table} GROUP BY ALL HAVING day_rows > 0),
numbered AS (
  SELECT day, sum(day_rows) OVER (ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) // $rows::BIGINT AS part
  FROM days
)
SELECT min(day), max(day) FROM numbered GROUP BY part ORDER BY part;

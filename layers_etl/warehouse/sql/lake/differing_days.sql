-- The days on which the rows of {published} and {standing} are not the same, oldest first, in parts of about $rows rows.
-- Told by how many there are and the sum of their hashes, which other rows have by a chance of one in 2^64: to read all
-- rows once on each side takes a small part of holding them against each other.
WITH published AS (
  SELECT {day_of_row} AS day, count(*) AS day_rows, sum(hash({columns})) AS hashes FROM {published} GROUP BY ALL
),
standing AS (
  SELECT {day_of_row} AS day, count(*) AS day_rows, sum(hash({columns})) AS hashes FROM {standing} GROUP BY ALL
),
differing AS (
  SELECT day, coalesce(published.day_rows, 0) + coalesce(standing.day_rows, 0) AS day_rows
  FROM published FULL JOIN standing USING (day)
  WHERE (published.day_rows, published.hashes) IS DISTINCT FROM (standing.day_rows, standing.hashes)
),
numbered AS (
  SELECT day, sum(day_rows) OVER (ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) // $rows::BIGINT AS part
  FROM differing
)
SELECT list(day ORDER BY day) FROM numbered GROUP BY part ORDER BY part;

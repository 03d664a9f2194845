-- The rows of {published} that are {within} become those of {standing}; what is the same in both is left alone.
DELETE FROM {published} AS published
WHERE {within} AND NOT EXISTS (
  SELECT 1 FROM (SELECT {columns} FROM {standing} WHERE {within}) AS standing WHERE {same}
);

INSERT INTO {published} ({columns})
SELECT {columns} FROM {standing} WHERE {within}
EXCEPT ALL
SELECT {columns} FROM {published} WHERE {within};

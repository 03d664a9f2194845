-- Rows of {table} whose key may be another's too, or is not whole, among those for which the condition holds: by hashes,
-- which are grouped in half the time and memory that the keys take. What shares its hash with none has a key of its own.
SELECT count(*) - count(DISTINCT hash({key})) + count(*) FILTER ({key_is_null})
FROM {table} AS held
WHERE {held};

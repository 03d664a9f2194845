COMMENT ON COLUMN marts.{view}.{period} IS 'First day of the {period_in_words}. Part of the key.';
COMMENT ON COLUMN marts.{view}.currency IS 'ISO 4217 currency of the money columns; null: unknown. Part of the key.';
COMMENT ON COLUMN marts.{view}.conversion_value IS
  'Sum of the known values, in currency; null: none is known, which is not zero. Additive within one currency.';
COMMENT ON COLUMN marts.{view}.reach IS '{reach}';
COMMENT ON COLUMN marts.{view}.frequency IS '{frequency}';
COMMENT ON COLUMN marts.{view}.settled IS
  'Whether every day of it{whose} was read late enough to be final; false as long as any is missing, provisional or still '
  'to come.';
COMMENT ON COLUMN marts.{view}.days_read IS
  'How many of its days were read after they had closed, quiet days too{fewest}. Less than days: the sums lack something.';
COMMENT ON COLUMN marts.{view}.days IS 'Days in it, read or not.';
COMMENT ON COLUMN marts.{view}.running IS
  'Whether it was still going on at the newest run''s instant: the sums are of the days so far.';
COMMENT ON COLUMN marts.{view}.entity_days IS
  'How many {days_of_what} have a row: what the sums are of.';
COMMENT ON COLUMN marts.{view}.entity_days_complete IS
  'How many of entity_days know all of spend, impressions, clicks and conversions. Where they are fewer, a sum lacks what '
  'is unknown, and each of cpa, cpc, cpm, ctr is a ratio of the days that know both of its sides.';
{ratios}
INSERT INTO measures (relation, column_name, unit, additive) VALUES
  ('marts.{view}', 'days_read', 'days', false),
  ('marts.{view}', 'days', 'days', false),
  ('marts.{view}', 'entity_days', 'entity-days', true),
  ('marts.{view}', 'entity_days_complete', 'entity-days', true);

-- marts.restatements: how much a day moved, by its age when read.
CREATE OR REPLACE VIEW marts.restatements AS
{scopes};

COMMENT ON VIEW marts.restatements IS
  'One row per entity, day and reading of it: what the reading said, how that differs from the reading before, and how '
  'far it still was from the settled value. Filter by scope and day.';
COMMENT ON COLUMN marts.restatements.age_hours IS
  'Hours between the day''s close and this reading; negative: running. Of the last one in whole hours, at least: '
  'ops.day_states.lag_hours.';
COMMENT ON COLUMN marts.restatements.reading IS 'Which reading of the day it was, from 1.';
{comments}

INSERT INTO measures (relation, column_name, unit, additive) VALUES
  ('marts.restatements', 'age_hours', 'hours', false),
  ('marts.restatements', 'reading', 'rank', false),
  {measures};

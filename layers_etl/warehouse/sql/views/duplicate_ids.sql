-- ops.duplicate_ids: the one place that knows which ids of a project stand for one and the same thing on its platform.
CREATE OR REPLACE VIEW ops.duplicate_ids AS
{entities};

COMMENT ON VIEW ops.duplicate_ids IS
  'One row per id of an ad account or campaign that its project knows under several ids: they have the same platform '
  'and the same id there, as after an account was connected anew. Empty: there are none.';
COMMENT ON COLUMN ops.duplicate_ids.entity_id IS 'One of the ids.';
COMMENT ON COLUMN ops.duplicate_ids.counts_as IS
  'The id that all of them count as: the listed one; of several the one that can be read, and was connected (a '
  'campaign: created) last; of equals the one that was listed last.';
COMMENT ON COLUMN ops.duplicate_ids.preference IS
  'Of a day that several of them have, the row with the lowest counts and no other. 1: the id is counts_as itself.';
INSERT INTO measures (relation, column_name, unit, additive) VALUES ('ops.duplicate_ids', 'preference', 'rank', false);

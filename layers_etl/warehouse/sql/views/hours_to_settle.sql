-- ops.hours_to_settle: the one place that knows how ops.settling is read.
-- Its columns are renamed here, or a caller's column named platform would be taken for that of ops.settling.
CREATE OR REPLACE MACRO ops.hours_to_settle(of_platform) AS coalesce(
  (SELECT its_hours FROM ops.settling AS own(its_platform, its_hours) WHERE its_platform = coalesce(of_platform, '')),
  (SELECT its_hours FROM ops.settling AS other(its_platform, its_hours) WHERE its_platform = '*')
);

COMMENT ON MACRO ops.hours_to_settle IS
  'Hours after a day''s close until the platform''s numbers are final; null: of an entity that spans several. Where the '
  'file is attached to another, only after USE.';

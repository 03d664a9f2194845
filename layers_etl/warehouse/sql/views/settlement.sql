-- The arithmetic of domain/settlement.py: UTC days, the instants at which they close, and hours from there. It stands
-- nowhere else. Instants are counted in epochs, so that no client's time zone matters.
CREATE OR REPLACE MACRO ops.utc_day(of_instant) AS
  DATE '1970-01-01' + (epoch_us(of_instant::TIMESTAMPTZ) // 86400000000)::INTEGER;

CREATE OR REPLACE MACRO ops.after_close(of_day, so_many_hours) AS
  to_timestamp(epoch((of_day::DATE + 1)::TIMESTAMP) + 3600 * so_many_hours);

CREATE OR REPLACE MACRO ops.hours_after_close(of_day, of_instant) AS
  (epoch_us(of_instant::TIMESTAMPTZ) - epoch_us((of_day::DATE + 1)::TIMESTAMP)) / 3600000000;

CREATE OR REPLACE MACRO ops.settled_before(of_instant, hours_to_settle) AS
  DATE '1970-01-01' + ((epoch_us(of_instant::TIMESTAMPTZ) - 3600000000 * hours_to_settle) // 86400000000)::INTEGER;

-- The one place that knows how ops.settling is read. Its columns are renamed here, or a caller's column named platform
-- would be taken for that of ops.settling.
CREATE OR REPLACE MACRO ops.hours_to_settle(of_platform) AS coalesce(
  (SELECT its_hours FROM ops.settling AS own(its_platform, its_hours) WHERE its_platform = coalesce(of_platform, '')),
  (SELECT its_hours FROM ops.settling AS other(its_platform, its_hours) WHERE its_platform = '*')
);

COMMENT ON MACRO ops.utc_day IS 'The UTC day that an instant lies in.';
COMMENT ON MACRO ops.after_close IS
  'The instant so many whole hours after the close of a UTC day. A reading of the day is late enough to be final from '
  'ops.after_close(day, ops.hours_to_settle(platform)) on.';
COMMENT ON MACRO ops.hours_after_close IS
  'Hours from the close of a UTC day to an instant; negative: it was still running.';
COMMENT ON MACRO ops.settled_before IS
  'Of the days read at an instant, those before this one were read late enough to be final, given the hours to settle.';
COMMENT ON MACRO ops.hours_to_settle IS
  'Hours after a day''s close until the platform''s numbers are final; null: of an entity that spans several. Where the '
  'file is attached to another, only after USE.';

-- ads.<scope>_metrics_versions: every value a day ever had, and when the table said so.
CREATE OR REPLACE VIEW ads.{scope}_metrics_versions AS
SELECT {key}, day, {account_column}platform, currency, {measures}, observed_at AS valid_from, superseded_at AS valid_to
FROM ads.{scope}_metrics_history
UNION ALL
SELECT {key}, day, {account_column}platform, currency, {measures}, first_observed_at AS valid_from, NULL AS valid_to
FROM ads.{scope}_metrics;

COMMENT ON VIEW ads.{scope}_metrics_versions IS
  'One row per value an entity''s day ever had: superseded ones and the standing one. The table as it stood at an '
  'instant T: WHERE valid_from <= T AND (valid_to > T OR valid_to IS NULL).';
COMMENT ON COLUMN ads.{scope}_metrics_versions.valid_from IS 'When a reading first said so. Inclusive.';
COMMENT ON COLUMN ads.{scope}_metrics_versions.valid_to IS
  'When a reading said otherwise, or no longer held the day. Exclusive; null: it stands.';

COMMENT ON COLUMN marts.{view}.{children}_{measure} IS
  'Sum of {measure} over the {children}{in_currency}; 0: none has a bucket; null: not known. Additive.';
COMMENT ON COLUMN marts.{view}.{parent}_{measure} IS
  'What the API says of the {parent} itself: {measure}{in_currency}; 0: no bucket; null: not known, or the '
  'day was not read. Additive.';
COMMENT ON COLUMN marts.{view}.{measure}_residual IS
  '{parent}_{measure} - {children}_{measure}{in_currency}; null: either is not known.';
COMMENT ON COLUMN marts.{view}.{measure}_agrees IS
  'Whether the residual is no larger than rounding explains ({bound}); null: it can''t be compared.';

INSERT INTO measures (relation, column_name, unit, additive) VALUES
  ('marts.{view}', '{children}_{measure}', '{unit}', true),
  ('marts.{view}', '{parent}_{measure}', '{unit}', true),
  ('marts.{view}', '{measure}_residual', '{unit}', true);

-- While the views are made: unit of every number, and whether it is additive. relation null: of all columns of that name
-- of which the view itself says nothing.
CREATE OR REPLACE TEMP TABLE measures (relation VARCHAR, column_name VARCHAR, unit VARCHAR, additive BOOLEAN);

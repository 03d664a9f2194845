-- Rows of the scope's metrics with any measure below zero: each is asked for alone, since by the bounds of one column
-- next to nothing of it is read.
SELECT count(*) FROM ({negative_rows});

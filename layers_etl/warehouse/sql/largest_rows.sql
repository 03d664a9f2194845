-- A few rows of $day in {mart}, those with the largest spend.
SELECT {columns} FROM {mart} WHERE day = $day ORDER BY spend DESC NULLS LAST, {columns} LIMIT 5;

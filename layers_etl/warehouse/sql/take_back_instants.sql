-- In one table, what was seen after $now was seen at $now: the order of instants stays. {assignments} are of columns.
UPDATE {table} SET {assignments} WHERE {any_ahead};

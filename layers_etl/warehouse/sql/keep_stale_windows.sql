-- What the marts of an older file lacked. It had no log of what it had derived, or published.
INSERT INTO ops.changed_days BY NAME
SELECT *, (SELECT revision + 1 FROM ops.revision) AS revision FROM ops.stale_marts;

DROP TABLE ops.stale_marts;

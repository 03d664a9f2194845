-- All that stands of the checks: errors first, then warnings, then what holds; the oldest of each first.
SELECT asset, check_name, passed, is_error, message, remedy, facts, since, found_at
FROM ops.findings
ORDER BY is_error DESC, passed, since, asset, check_name;

-- What ops.changed_days has of one scope since its daily mart was derived last.
SELECT count(*)
FROM ops.changed_days
WHERE scope = $scope AND revision > (SELECT coalesce(max(revision), 0) FROM ops.derived_marts WHERE scope = $scope);

-- Days of one scope that stay held whatever their copy shows.
SELECT project_id, entity_id, day FROM ops.doubtful_days WHERE scope = $scope AND kind <> 'unbelievable';

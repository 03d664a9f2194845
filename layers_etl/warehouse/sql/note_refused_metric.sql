INSERT INTO ops.refused_metrics BY NAME
SELECT
    $scope AS scope,
    $platform AS platform,
    $metric AS metric,
    $refused_at::TIMESTAMPTZ AS refused_at
WHERE NOT EXISTS (
    FROM ops.refused_metrics AS known
    WHERE known.scope = $scope AND known.platform IS NOT DISTINCT FROM $platform AND known.metric = $metric
);

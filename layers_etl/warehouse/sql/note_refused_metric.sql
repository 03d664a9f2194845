-- What is not remembered yet, unless the platform had it within $lately: it may have it again by the next run, and what is
-- read meanwhile lacks it for good.
INSERT INTO ops.refused_metrics BY NAME
SELECT
  '{scope}' AS scope,
  $platform AS platform,
  $metric AS metric,
  $refused_at::TIMESTAMPTZ AS refused_at
WHERE NOT EXISTS (
  FROM ops.refused_metrics AS known
  WHERE known.scope = '{scope}' AND known.platform IS NOT DISTINCT FROM $platform AND known.metric = $metric
)
AND NOT EXISTS (
  FROM ads.{scope}_metrics AS measured
  WHERE measured.platform IS NOT DISTINCT FROM $platform AND measured.{column} IS NOT NULL AND measured.day >= ($refused_at - $lately)::DATE
);

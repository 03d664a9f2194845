-- By platform: settled days of one scope that were read again in the last $days days, how many had moved, and the least
-- settling time, in hours, by which all of these would have been read at their last value.
WITH recent AS (
  SELECT * FROM ops.audits
  WHERE scope = '{scope}' AND read_at >= (SELECT max(read_at) FROM ops.audits) - to_days($days::INTEGER)
),
moved AS (
  SELECT
    recent.platform,
    ceil(ops.hours_after_close(changed.day, changed.superseded_at))::INTEGER AS age_hours
  FROM recent
  JOIN ads.{scope}_metrics_history AS changed
    ON changed.project_id = recent.project_id AND changed.{id_column} = recent.entity_id
   AND changed.day >= recent.since AND changed.day < recent.until
   AND changed.settled AND changed.superseded_at >= recent.read_at AND changed.last_observed_at < changed.superseded_at
   AND changed.superseded_at < recent.read_at + INTERVAL 1 HOUR
)
SELECT platform, sum(days)::BIGINT, sum(moved_days)::BIGINT,
  (SELECT max(age_hours) FROM moved WHERE moved.platform IS NOT DISTINCT FROM recent.platform)
FROM recent
GROUP BY platform
ORDER BY platform;

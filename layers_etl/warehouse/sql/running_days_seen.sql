SELECT project_id, ad_account_id, seen_at AS read_at, day AS newest_active_day, NULL::TIMESTAMPTZ AS moved_since,
  false AS went_back
FROM ops.running_days
WHERE seen_at >= $read_since;

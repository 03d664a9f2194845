-- Live files of the attached lake, those that say which rows are gone too; and how many there would be if every table had
-- full ones, of $full_bytes, alone.
WITH data_files AS (
  SELECT table_id, file_size_bytes FROM {catalog}.ducklake_data_file WHERE end_snapshot IS NULL
),
full_ones AS (
  SELECT ceil(sum(file_size_bytes) / $full_bytes) AS files FROM data_files GROUP BY table_id
)
SELECT
  (SELECT count(*) FROM data_files)
  + (SELECT count(*) FROM {catalog}.ducklake_delete_file WHERE end_snapshot IS NULL) AS live,
  (SELECT coalesce(sum(files), 0)::BIGINT FROM full_ones) AS full_ones;

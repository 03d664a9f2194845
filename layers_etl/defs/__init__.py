"""The Dagster side, thin: assets, checks, partitions, resources, schedules, jobs. What they do is in ``ingest``."""

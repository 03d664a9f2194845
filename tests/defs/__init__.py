"""The Dagster side: real jobs, a real instance, HTTP to the sandbox over loopback, the published file."""

"""From the simulated API through a Dagster job to the published file, and an operator in front of it."""

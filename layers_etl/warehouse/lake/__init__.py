"""A lake (DuckLake) as a place to publish to: the same tables and views, for many readers on many machines.

The build file stays where it is; what changed since the lake's own publication is written there in one transaction.
"""
